/**
 * Refused is why a proof is not believed: a stable code (those of `bpsc receipt verify`) and a
 * sentence for people.
 */
export class Refused extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.name = "Refused";
    this.code = code;
  }
}

/** Throws Refused unless it holds. */
export function require(holds, code, sentence) {
  if (!holds) throw new Refused(code, sentence);
}

/** At most so many characters of what somebody else wrote, quoted. */
export const quote = (text, most = 80) => JSON.stringify(String(text).slice(0, most));

/** What somebody refused says, as a sentence. */
export const asSentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
