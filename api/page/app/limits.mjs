// The bounds of what is kept of answers, whoever sends them: a node that sends without end is to
// cost its page a moment, and not the browser its memory.

// maxAnswerBytes is four of the largest blocks (chain/limits.go), or a thousand of the largest
// records and what stands around each.
export const maxAnswerBytes = 16 << 20;

// maxEventChars is a thousand times the header of a block, which is what the page asks for.
export const maxEventChars = 1 << 20;
