/** What is used of the parser. */
declare module 'sax' {
  interface Parser {
    onerror: (error: Error) => void;
    ontext: (text: string) => void;
    oncdata: (text: string) => void;
    oncomment: (text: string) => void;
    ondoctype: (text: string) => void;
    onsgmldeclaration: (text: string) => void;
    onattribute: (attribute: { readonly name: string; readonly value: string }) => void;
    onprocessinginstruction: (node: { readonly name: string; readonly body: string }) => void;
    onopentag: (tag: { readonly name: string }) => void;
    onclosetag: (name: string) => void;
    write(text: string): Parser;
    close(): Parser;
  }
  export function parser(strict: boolean, options?: { readonly strictEntities?: boolean }): Parser;
}
