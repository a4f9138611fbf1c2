package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Places of the picture, in its own units.
const (
	plotWidth  = 900
	plotLeft   = 78
	plotRight  = 876
	rateTop    = 88
	rateBase   = 252
	waitTop    = 312
	waitBase   = 508
	plotHeight = 560
)

// plotStyle has colours that differ in lightness too, for a light page and then for a dark one;
// whoever knows no colour schemes draws the light one.
const plotStyle = `
text { font: 13px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round } .area { fill-opacity: .15 }
.page { fill: #ffffff } text { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 } .axis { stroke: #59636e }
polyline.rate { stroke: #0969da } .area { fill: #0969da } .bad { fill: #cf222e }
polyline.p50 { stroke: #1a7f37 } polyline.p99 { stroke: #bc4c00 } polyline.max { stroke: #8250df }
text.p50 { fill: #1a7f37 } text.p99 { fill: #bc4c00 } text.max { fill: #8250df }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #2f3742 } .axis { stroke: #9198a1 }
polyline.rate { stroke: #58a6ff } .area { fill: #58a6ff } .bad { fill: #ff7b72 }
polyline.p50 { stroke: #3fb950 } polyline.p99 { stroke: #f0883e } polyline.max { stroke: #bc8cff }
text.p50 { fill: #3fb950 } text.p99 { fill: #f0883e } text.max { fill: #bc8cff }
}
`

// line is one quantity over time.
type line struct {
	name string // of its class in plotStyle too
	of   func(point) float64
}

var latencyLines = []line{
	{"p50", func(p point) float64 { return p.P50 }},
	{"p99", func(p point) float64 { return p.P99 }},
	{"max", func(p point) float64 { return p.Max }},
}

// draw writes a picture of the row over time: transfers a second above, latency below.
func (r *row) draw(out io.Writer) error {
	p := &picture{row: r, end: math.Max(r.Seconds, 1e-3)}
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="transfers a second and latency over time">`, plotWidth, plotHeight)
	p.printf("<style>%s</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>", plotStyle, plotWidth, plotHeight)
	p.printf(`<text class="title" x="%d" y="26">%s</text>`, plotLeft, r.title())
	p.printf(`<text class="faint" x="%d" y="46">%s</text>`, plotLeft, r.subtitle())
	p.rates()
	p.latencies()
	p.printf("</svg>")
	_, err := io.WriteString(out, p.text.String())
	return err
}

func (r *row) title() string {
	what := r.Load + " transfers"
	if r.Batch > 1 {
		what += fmt.Sprintf(" in batches of %d", r.Batch)
	}
	return fmt.Sprintf("%s, %d connections to %s", what, r.Connections, map[string]string{toLeader: "the leader", toAll: "all members", toNamed: "the servers named"}[r.To])
}

func (r *row) subtitle() string {
	loop := "each connection as fast as it is answered"
	if r.Due > 0 {
		loop = fmt.Sprintf("%s a second due, latency from then on", grouped(r.Due))
	}
	return fmt.Sprintf("%s; %s transfers/s over %s s, p50 %s ms, p99 %s ms, max %s ms", loop, grouped(r.Rate), short(r.Seconds),
		short(r.Latency.P50), short(r.Latency.P99), short(r.Latency.Max))
}

// grouped writes a number with a comma between thousands.
func grouped(v float64) string {
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// picture is a drawing under way.
type picture struct {
	row  *row
	end  float64 // seconds
	text strings.Builder
}

func (p *picture) printf(format string, args ...any) {
	fmt.Fprintf(&p.text, format, args...)
	p.text.WriteByte('\n')
}

func (p *picture) x(seconds float64) float64 {
	return plotLeft + (plotRight-plotLeft)*math.Min(seconds/p.end, 1)
}

// times draws the axis of time below a part of the picture.
func (p *picture) times(top, base float64, label bool) {
	step := niceStep(p.end / 8)
	for t := 0.0; t <= p.end*1.0001; t += step {
		x := p.x(t)
		p.printf(`<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, top, base)
		p.printf(`<text class="faint middle" x="%.1f" y="%.1f">%s</text>`, x, base+18, short(t))
	}
	p.printf(`<line class="axis" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, plotLeft, plotRight, base, base)
	if label {
		p.printf(`<text class="faint middle" x="%d" y="%.1f">seconds since the measurement began</text>`, (plotLeft+plotRight)/2, base+38)
	}
}

// heights draws a line across for each tick.
func (p *picture) heights(ticks []float64, y func(float64) float64, label func(float64) string) {
	for _, t := range ticks {
		p.printf(`<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, plotLeft, plotRight, y(t), y(t))
		p.printf(`<text class="faint end" x="%d" y="%.1f">%s</text>`, plotLeft-8, y(t)+4, label(t))
	}
}

// rates draws transfers a second, and where requests failed.
func (p *picture) rates() {
	most := 1.0
	for _, pt := range p.row.Points {
		most = math.Max(most, pt.Rate)
	}
	step := niceStep(most / 4)
	most = math.Ceil(most/step) * step
	y := func(v float64) float64 { return rateBase - (rateBase-rateTop)*v/most }
	p.times(rateTop, rateBase, false)
	var ticks []float64
	for v := 0.0; v <= most*1.0001; v += step {
		ticks = append(ticks, v)
	}
	p.heights(ticks, y, grouped)
	p.printf(`<text class="faint" x="%d" y="%d">transfers/s</text>`, plotLeft, rateTop-8)
	corners := p.path(func(pt point) float64 { return y(pt.Rate) })
	if corners != "" {
		p.printf(`<polygon class="area" points="%.1f,%d %s %.1f,%d"/>`, p.x(0), rateBase, corners, p.x(p.end), rateBase)
	}
	p.printf(`<polyline class="rate" points="%s"/>`, corners)
	p.failures()
}

// failures marks the intervals in which requests failed.
func (p *picture) failures() {
	before, any := 0.0, false
	for _, pt := range p.row.Points {
		if pt.Failed > 0 {
			any = true
			p.printf(`<rect x="%.1f" y="%d" width="%.1f" height="6" class="bad"/>`, p.x(before), rateBase-6, math.Max(p.x(pt.At)-p.x(before), 2))
		}
		before = pt.At
	}
	if any {
		p.printf(`<text class="end bad" x="%d" y="%d">■ attempts failed</text>`, plotRight, rateTop-8)
	}
}

// latencies draws how long answers took, each decade as high as the next.
func (p *picture) latencies() {
	least, most := math.Inf(1), 0.0
	for _, pt := range p.row.Points {
		if pt.Max > 0 {
			least, most = math.Min(least, pt.P50), math.Max(most, pt.Max)
		}
	}
	if most == 0 {
		least, most = 1, 10
	}
	ticks := decades(least, most)
	low, high := math.Log(ticks[0]), math.Log(ticks[len(ticks)-1])
	y := func(v float64) float64 {
		return waitBase - (waitBase-waitTop)*(math.Log(math.Max(v, ticks[0]))-low)/(high-low)
	}
	p.times(waitTop, waitBase, true)
	p.heights(ticks, y, short)
	p.printf(`<text class="faint" x="%d" y="%d">latency in ms (logarithmic)</text>`, plotLeft, waitTop-8)
	for i, l := range latencyLines {
		p.printf(`<polyline class="%s" points="%s"/>`, l.name, p.path(func(pt point) float64 { return y(l.of(pt)) }))
		p.printf(`<text class="end %[3]s" x="%[1]d" y="%[2]d">— %[3]s</text>`, plotRight-60*(len(latencyLines)-1-i), waitTop-8, l.name)
	}
}

// path is a line through the middles of the intervals.
func (p *picture) path(y func(point) float64) string {
	var b strings.Builder
	before := 0.0
	for _, pt := range p.row.Points {
		fmt.Fprintf(&b, "%.1f,%.1f ", p.x((before+pt.At)/2), y(pt))
		before = pt.At
	}
	return strings.TrimSpace(b.String())
}

// niceStep is the smallest of 1, 2 and 5 times a power of ten that is no smaller than v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*0.9999 {
			return m * power
		}
	}
	return 10 * power
}

// decades are ticks of a logarithmic axis around a range: 1, 2 and 5 of each power of ten,
// or the powers alone where those would be many. It begins at a microsecond: an axis like this
// never comes to zero.
func decades(least, most float64) []float64 {
	least = max(least, 1e-3)
	most = max(most, least)
	first, last := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if last == first {
		last++
	}
	var ticks []float64
	for e := first; e <= last; e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); m == 1 || last-first <= 3 && e < last {
				ticks = append(ticks, v)
			}
		}
	}
	// What lies wholly outside is cut.
	for len(ticks) > 2 && ticks[1] <= least {
		ticks = ticks[1:]
	}
	for len(ticks) > 2 && ticks[len(ticks)-2] >= most {
		ticks = ticks[:len(ticks)-1]
	}
	return ticks
}

// short writes three digits of a number, or all before its point.
func short(v float64) string {
	if v >= 100 {
		return grouped(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
