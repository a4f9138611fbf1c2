package rules

import (
	"errors"
	"testing"
	"time"
)

// texts are blocks as far as rules that compare them care.
func texts(all ...string) (blocks [][]byte) {
	for _, text := range all {
		blocks = append(blocks, []byte(text))
	}
	return blocks
}

func TestChainsOfAllNodes(t *testing.T) {
	good := Copy{"n1", 7, texts("seven", "eight")}
	for _, c := range []struct {
		name string
		rule string
		q    Quiet
	}{
		{"the same", "", Quiet{Copies: []Copy{good, {"n2", 7, texts("seven", "eight")}}, Counted: 3, Said: 3}},
		{"nobody has anything new", "", Quiet{Copies: []Copy{{"n1", 9, nil}, {"f1", 9, nil}}}},
		{"one byte is another one", SameChain, Quiet{Copies: []Copy{good, {"n2", 7, texts("seven", "eighT")}}}},
		{"the first block is another one", SameChain, Quiet{Copies: []Copy{good, good, {"f1", 7, texts("Seven", "eight")}}}},
		{"one block is not there", SameChain, Quiet{Copies: []Copy{good, {"n2", 7, texts("seven")}}}},
		{"one block more is there", SameChain, Quiet{Copies: []Copy{good, {"n2", 7, texts("seven", "eight", "nine")}}}},
		{"all have the same, which does not verify", SameChain, Quiet{Copies: []Copy{good, good}, Refuted: errors.New("balances do not sum up")}},
		{"a record is in no block", SameChain, Quiet{Copies: []Copy{good, good}, Counted: 3, Said: 4}},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Same(c.q)) })
	}
}

func TestServiceAfterHealing(t *testing.T) {
	const bound = 5 * time.Second
	for _, c := range []struct {
		name string
		rule string
		wait Wait
	}{
		{"soon", "", Wait{Took: time.Second, Within: bound}},
		{"just in time", "", Wait{Took: bound, Within: bound}},
		{"late", Service, Wait{Took: bound + time.Millisecond, Within: bound}},
		{"never", Service, Wait{Took: time.Second, Within: bound, Failed: errors.New("not ready")}},
		{"some time", "", Wait{Took: time.Minute}},
		{"not even some time", Service, Wait{Failed: errors.New("2 records are pending")}},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Served([]Wait{{Took: 1, Within: bound}, c.wait})) })
	}
}

func TestWhatOperatorsDoEnds(t *testing.T) {
	const bound = 20 * time.Second
	soon := Wait{For: "n1", Took: time.Second, Within: bound}
	breaks(t, "", Finished(nil))
	breaks(t, "", Finished([]Wait{soon, {For: "n2", Took: bound, Within: bound}}))
	breaks(t, Finishes, Finished([]Wait{soon, {For: "n2", Took: 160 * time.Second, Within: bound}}))
	breaks(t, Finishes, Finished([]Wait{soon, {For: "n2", Took: bound, Within: bound, Failed: errors.New("it has not ended yet")}}))
}

func TestDamagedMembers(t *testing.T) {
	chains := map[string][][]byte{"aka": texts("one", "two"), "gold": texts("I", "II")}
	gave := func(contract string, first int, blocks ...string) map[string]Copy {
		return map[string]Copy{contract: {"n2", first, texts(blocks...)}}
	}
	const advice = `state is damaged. What to do: run "bpsc cluster rebuild"`
	for _, c := range []struct {
		name string
		rule string
		d    Damaged
	}{
		{"it starts, and nobody asks", "", Damaged{}},
		{"it gives away what is right", "", Damaged{Gave: gave("aka", 1, "one", "two")}},
		{"it has not got far", "", Damaged{Gave: gave("gold", 1, "I")}},
		{"it has what came since", "", Damaged{Gave: gave("aka", 2, "two", "three")}},
		{"it gives away another block", NoBadData, Damaged{Gave: gave("aka", 1, "one", "tw0")}},
		{"it gives away another chain's block", NoBadData, Damaged{Gave: gave("gold", 1, "one")}},
		{"it gives away a bad block, and then refuses", NoBadData, Damaged{Ended: true, Code: 70, Said: advice, Gave: gave("aka", 2, "tw0")}},
		{"it refuses and says what to do", "", Damaged{Ended: true, Code: 70, Said: advice}},
		{"it refuses and says nothing", NoBadData, Damaged{Ended: true, Code: 70, Said: "error: EOF"}},
		{"it ends as if it had been told to", NoBadData, Damaged{Ended: true, Code: 0, Said: advice}},
		{"it is ended by a signal", NoBadData, Damaged{Ended: true, Code: -1, Said: advice}},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Damage([]Damaged{c.d}, chains)) })
	}
	breaks(t, "", Backups([]Backup{{Of: "n1"}}))
	breaks(t, NoBadData, Backups([]Backup{{Of: "n1"}, {"n2", errors.New("block 3 does not follow")}}))
}

func TestProcessesThatEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		rule string
		end  []End
		log  string
	}{
		{"nobody has ended", "", nil, "level=INFO msg=ready\n"},
		{"one whose disk fails has", "", []End{{Code: 70, Excused: true}}, "level=ERROR msg=\"the disk fails\"\n"},
		{"one has, and nothing was wrong with it", NoCrash, []End{{Code: 70}}, ""},
		{"one whose disk fails says that all is well", NoCrash, []End{{Code: 0, Excused: true}}, ""},
		{"one whose disk fails is ended by a signal", NoCrash, []End{{Code: -1, Excused: true}}, ""},
		{"one panics, and its disk fails", NoCrash, []End{{Code: 2, Excused: true}}, "level=INFO\npanic: runtime error\n\ngoroutine 7 [running]:\n"},
		{"one has seen two write to one map", NoCrash, nil, "fatal error: concurrent map writes\n"},
		{"a panic is caught", NoCrash, nil, "level=ERROR msg=\"a request panics\" stack=\"goroutine 9 [running]:\\n\"\n"},
		{"one counts its goroutines", "", nil, "level=DEBUG msg=\"goroutine 9 waits; no panic: it is slow\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Ends(c.end, []Log{{"n1", c.log}})) })
	}
}

func TestAlarms(t *testing.T) {
	said := []Log{{"n2", "level=ERROR msg=\"not every witness cosigns\" error=\"a witness has seen another history: witness w1\"\n"}}
	breaks(t, "", Alarms(said, true))
	breaks(t, "", Alarms([]Log{{"n1", "level=ERROR msg=\"not every witness cosigns\" error=\"witness w1: the witness does not answer\"\n"}}, false))
	breaks(t, NoAlarm, Alarms([]Log{{"n1", "level=INFO\n"}, {"n2", "level=ERROR msg=\"not every witness cosigns\" error=\"a witness has seen another history: witness w1\"\n"}}, false))
}
