// Package backup is what a cluster is made again from: archives of the state of a
// member (Kind State) and of the blocks of a chain (Kind Chain), where they are kept
// (Place), and how they are verified. See DESIGN.md beside this file.
//
// An archive is a tar file in zstd, so that `tar --zstd -x` opens it where nothing
// else is at hand:
//
//	begin.json     Begin: what can be said before the files
//	state/…        of Kind State: the files of a snapshot of the store
//	blocks/…       of Kind Chain: canonical blocks, one a line
//	checkpoint     of Kind Chain: the signed note over the blocks up to the last
//	policy         of Kind Chain: who signs, as the node that gave the blocks says
//	manifest.json  Manifest: Begin again, and all else, with the size and SHA-256 of
//	               each file, and a digest over the whole
//
// manifest.json is a zstd frame of its own, and a footer in a frame that every
// decoder passes over tells where: whoever lists backups reads the ends of files.
// What is missing its end is cut short, and says so.
package backup
