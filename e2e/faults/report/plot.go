package report

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// Places of the picture, in its own units.
const (
	left, right        = 60, 950
	spansTop           = 30
	rateTop, rateBase  = 170, 290
	waitTop, waitBase  = 330, 470
	plotWidth, plotEnd = 960, 500
	lanes              = 8 // of faults at one time
	letter             = 6.2
)

const plotStyle = `.p text { font: 11px system-ui, sans-serif; fill: currentColor } .p .grid { stroke: #8886; stroke-width: .5 } .p polyline { fill: none; stroke-width: 1.2 }
.p .rate { stroke: #0969da } .p .p50 { stroke: #1a7f37 } .p .p99 { stroke: #bc4c00 } .p .max { stroke: #8250df } .p .election { stroke: #9a6700; stroke-width: 1 } .p .fault { fill: #cf222e; fill-opacity: .35 } .p .failed { fill: #cf222e; fill-opacity: .6 } .p .bad { stroke: #cf222e; stroke-width: 2 }`

// picture is a drawing under way.
type picture struct {
	strings.Builder
	end float64 // seconds
}

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *picture) x(seconds float64) float64 { return left + (right-left)*math.Min(seconds/p.end, 1) }

// plot draws faults and elections, transactions a second, and latency, over time.
func (r *Run) plot() string {
	p := &picture{end: math.Max(float64(len(r.Points)), 1)}
	for _, h := range r.Story {
		p.end = math.Max(p.end, (h.At + h.For).Seconds())
	}
	p.printf(`<svg class="p" viewBox="0 0 %d %d" role="img" aria-label="faults, transactions a second and latency over time"><style>%s</style>`, plotWidth, plotEnd, plotStyle)
	p.spans(r)
	p.rates(r.Points)
	p.waits(r.Points)
	step := niceStep(p.end / 10)
	for t := 0.0; t <= p.end; t += step {
		p.printf(`<text x="%.1f" y="%d" text-anchor="middle">%g s</text>`, p.x(t), waitBase+16, t)
	}
	p.printf("</svg>")
	return p.String()
}

// spans draws each fault as a bar, one above the other where they overlap, and elections.
func (p *picture) spans(r *Run) {
	p.printf(`<text x="%d" y="%d">faults (red) and elections (brown)</text>`, left, spansTop-8)
	var busy [lanes]float64 // up to which place
	for _, h := range r.Story {
		at := h.At.Seconds()
		switch h.Kind {
		case "fault":
			from, to := p.x(at), math.Max(p.x((h.At+h.For).Seconds()), p.x(at)+1)
			lane := 0
			for l := range busy {
				if busy[l] <= from {
					lane = l
					break
				}
			}
			y := spansTop + 14*lane
			p.printf(`<rect class="fault" x="%.1f" y="%d" width="%.1f" height="12"><title>%s</title></rect>`, from, y, to-from, html.EscapeString(h.What))
			busy[lane] = to
			if p.end < 240 {
				p.printf(`<text x="%.1f" y="%d">%s</text>`, from+2, y+10, html.EscapeString(h.What))
				busy[lane] = math.Max(to, from+letter*float64(len(h.What)))
			}
		case "election":
			p.printf(`<line class="election" x1="%.1f" x2="%[1]f" y1="%d" y2="%d"><title>%s</title></line>`, p.x(at), rateTop-18, rateBase, html.EscapeString(h.What))
		case "VIOLATED":
			p.printf(`<line class="bad" x1="%.1f" x2="%[1]f" y1="%d" y2="%d"/>`, p.x(at), spansTop, waitBase)
		}
	}
}

func (p *picture) rates(points []Point) {
	most := 1.0
	for _, pt := range points {
		most = math.Max(most, float64(pt.Acked))
	}
	step := niceStep(most / 4)
	most = math.Ceil(most/step) * step
	y := func(v float64) float64 { return rateBase - (rateBase-rateTop)*v/most }
	p.printf(`<text x="%d" y="%d">transactions acknowledged a second; red below: attempts that failed</text>`, left, rateTop-8)
	for v := 0.0; v <= most; v += step {
		p.grid(y(v), fmt.Sprintf("%g", v))
	}
	p.line("rate", points, func(pt Point) (float64, bool) { return y(float64(pt.Acked)), true })
	for i, pt := range points {
		if pt.Failed > 0 {
			p.printf(`<rect class="failed" x="%.1f" y="%d" width="%.1f" height="4"/>`, p.x(float64(i)), rateBase+2, p.x(1)-left)
		}
	}
}

func (p *picture) waits(points []Point) {
	p.printf(`<text x="%d" y="%d">latency of what was acknowledged, logarithmic: <tspan fill="#1a7f37">p50</tspan> <tspan fill="#bc4c00">p99</tspan> <tspan fill="#8250df">max</tspan></text>`, left, waitTop-8)
	low, high := math.Log10(0.001), math.Log10(10) // a millisecond to ten seconds
	y := func(d time.Duration) float64 {
		v := math.Log10(math.Max(d.Seconds(), 0.001))
		return waitBase - (waitBase-waitTop)*math.Min((v-low)/(high-low), 1)
	}
	for _, d := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second} {
		p.grid(y(d), d.String())
	}
	p.line("p50", points, func(pt Point) (float64, bool) { return y(pt.P50), pt.Max > 0 })
	p.line("p99", points, func(pt Point) (float64, bool) { return y(pt.P99), pt.Max > 0 })
	p.line("max", points, func(pt Point) (float64, bool) { return y(pt.Max), pt.Max > 0 })
}

func (p *picture) grid(y float64, label string) {
	p.printf(`<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`, left, right, y, y, left-6, y+4, label)
}

// line is a quantity over time, with gaps where there is none.
func (p *picture) line(class string, points []Point, y func(Point) (float64, bool)) {
	open := false
	for i, pt := range points {
		at, there := y(pt)
		switch {
		case there && !open:
			p.printf(`<polyline class="%s" points="`, class)
		case !there && open:
			p.printf(`"/>`)
		}
		if open = there; open {
			p.printf("%.1f,%.1f", p.x(float64(i)+.5), at)
		}
	}
	if open {
		p.printf(`"/>`)
	}
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
