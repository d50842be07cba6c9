/** What is used of the reader of p12 files. */
declare module 'node-forge' {
  interface ForgeKey {
    readonly n: unknown;
  }
  interface ForgeCertificate {
    readonly serialNumber: string;
  }
  export interface ForgeBag {
    readonly key?: ForgeKey;
    readonly cert?: ForgeCertificate;
  }
  interface Pkcs12 {
    getBags(filter: { bagType: string }): Readonly<Record<string, readonly ForgeBag[] | undefined>>;
  }
  const forge: {
    readonly util: { createBuffer(binary: string): unknown };
    readonly asn1: { fromDer(buffer: unknown): unknown };
    readonly pkcs12: { pkcs12FromAsn1(asn1: unknown, password: string): Pkcs12 };
    readonly pki: {
      readonly oids: {
        readonly certBag: string;
        readonly pkcs8ShroudedKeyBag: string;
        readonly keyBag: string;
      };
      privateKeyToPem(key: ForgeKey): string;
      certificateToPem(certificate: ForgeCertificate): string;
    };
  };
  export default forge;
}
