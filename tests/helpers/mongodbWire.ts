/**
 * MongoDB's wire, from the server's side: frames of OP_MSG, and OP_QUERY, in which a driver greets. What is read and written
 * follows the documented protocol, not our store.
 */
import { BSON, type Document } from 'mongodb';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
const BODY = 0;
const SEQUENCE = 1;

export interface Message {
  readonly requestId: number;
  readonly opCode: number;
  readonly command: Document;
}

/** Takes the whole messages off the front of what came so far. */
export function takeMessages(received: Buffer): { messages: Message[]; rest: Buffer } {
  const messages: Message[] = [];
  let rest = received;
  while (rest.length >= HEADER_BYTES && rest.length >= rest.readInt32LE(0)) {
    const length = rest.readInt32LE(0);
    messages.push(readMessage(rest.subarray(0, length)));
    rest = rest.subarray(length);
  }
  return { messages, rest };
}

function readMessage(bytes: Buffer): Message {
  const opCode = bytes.readInt32LE(12);
  const requestId = bytes.readInt32LE(4);
  const payload = bytes.subarray(HEADER_BYTES);
  if (opCode === OP_MSG) return { requestId, opCode, command: readSections(payload.subarray(4)) };
  if (opCode !== OP_QUERY) throw new Error(`the stand-in knows no message ${String(opCode)}`);
  // Flags, the collection's name, how many to skip and to return, the command.
  const nameEnd = payload.indexOf(0, 4);
  return { requestId, opCode, command: BSON.deserialize(payload.subarray(nameEnd + 9)) };
}

function readSections(payload: Buffer): Document {
  const command: Document = {};
  for (let at = 0; at < payload.length;) {
    const size = payload.readInt32LE(at + 1);
    const section = payload.subarray(at + 1, at + 1 + size);
    const kind = payload[at];
    if (kind === BODY) Object.assign(command, BSON.deserialize(section));
    else if (kind === SEQUENCE) Object.assign(command, readSequence(section));
    else throw new Error(`the stand-in knows no section ${String(kind)}`);
    at += 1 + size;
  }
  return command;
}

/** `{documents: […]}`, sent as one section. */
function readSequence(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length;) {
    const size = section.readInt32LE(at);
    documents.push(BSON.deserialize(section.subarray(at, at + size)));
    at += size;
  }
  return { [section.toString('utf8', 4, nameEnd)]: documents };
}

/** The answer to a message, in the form in which it was asked. */
export function writeReply({ requestId, opCode }: Message, answer: Document): Buffer {
  const body = Buffer.from(BSON.serialize(answer));
  const before =
    opCode === OP_MSG
      ? Buffer.alloc(5) // no flags, one section of kind 0
      : Buffer.concat([Buffer.alloc(16), Buffer.from([1, 0, 0, 0])]); // flags, cursor, from, one document
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + before.length + body.length, 0);
  header.writeInt32LE(requestId, 8);
  header.writeInt32LE(opCode === OP_MSG ? OP_MSG : OP_REPLY, 12);
  return Buffer.concat([header, before, body]);
}
