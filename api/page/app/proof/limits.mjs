// The bounds of what is read here: those of the members (chain/proof/limits.go), with the same
// reasons, so that a file that one of the two takes the other takes too.

export const maxSize = 2 ** 40; // blocks in a log; also keeps sums exact in doubles
export const maxPath = 41; // hashes from a leaf to the root of a log
export const maxRecordPath = 14; // and from a record to the root of a block
export const maxLeafBytes = 512;
export const maxRecordBytes = 6 << 10;
export const maxBlockRecords = 10_000;
export const maxKeyNameBytes = 160;
export const maxCosigners = 32;
export const maxNoteBytes = 24 << 10;
export const maxSignatures = 100;
export const maxPolicyChains = 1000;
export const maxPolicyBytes = 256 << 10;
export const maxHandoverBytes = 256 << 10;
export const maxHandovers = 1024;
export const maxHistoryBytes = 8 << 20;
export const maxReceiptBytes = 64 << 10;
export const maxSeconds = 253_402_300_799; // 9999-12-31T23:59:59Z
