package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

type point struct{ x, y float64 }

type series struct {
	name   string
	points []point
}

// panel is a diagram with logarithmic axes.
type panel struct {
	title  string
	series []series
}

const (
	plotWidth, plotHeight           = 640, 300 // of a panel
	plotLeft, plotRight             = 70, 150
	plotTop, plotBottom             = 40, 50
	plotInnerWidth, plotInnerHeight = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

var plotColors = []string{"#1f6feb", "#d4572a", "#2a8f4f", "#8a4fd3"}

// plot draws panels below each other as an SVG image. Values that are not positive have no place on its axes and are
// left out.
func plot(xTitle string, panels []panel) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#222">`+"\n", plotWidth, plotHeight*len(panels))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", plotLeft, i*plotHeight+plotTop)
		p.draw(&b, xTitle)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// decades returns the powers of ten around the values of all series.
func (p panel) decades(value func(point) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range p.series {
		for _, at := range s.points {
			if v := value(at); v > 0 && !math.IsInf(v, 0) {
				low, high = min(low, math.Floor(math.Log10(v))), max(high, math.Ceil(math.Log10(v)))
			}
		}
	}
	switch {
	case low > high:
		return 0, 1
	case low == high:
		return low, low + 1
	}
	return low, high
}

func (p panel) draw(b *bytes.Buffer, xTitle string) {
	x0, x1 := p.decades(func(at point) float64 { return at.x })
	y0, y1 := p.decades(func(at point) float64 { return at.y })
	px := func(log float64) float64 { return (log - x0) / (x1 - x0) * plotInnerWidth }
	py := func(log float64) float64 { return plotInnerHeight - (log-y0)/(y1-y0)*plotInnerHeight }
	fmt.Fprintf(b, `<text x="0" y="-16" font-size="14">%s</text>`+"\n", escaped(p.title))
	for log := x0; log <= x1; log++ {
		fmt.Fprintf(b, `<path d="M%.1f 0V%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", px(log), plotInnerHeight, px(log), plotInnerHeight+18, power(log))
	}
	for log := y0; log <= y1; log++ {
		fmt.Fprintf(b, `<path d="M0 %.1fH%d" stroke="#ddd"/><text x="-8" y="%.1f" text-anchor="end">%s</text>`+"\n", py(log), plotInnerWidth, py(log)+4, power(log))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", plotInnerWidth/2, plotInnerHeight+38, escaped(xTitle))
	for i, s := range p.series {
		color := plotColors[i%len(plotColors)]
		var line []string
		var dots strings.Builder
		for _, at := range s.points {
			if at.x <= 0 || at.y <= 0 || math.IsInf(at.y, 0) {
				continue
			}
			x, y := px(math.Log10(at.x)), py(math.Log10(at.y))
			line = append(line, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s: %.4g at %.0f</title></circle>`, x, y, color, escaped(s.name), at.y, at.x)
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>%s`+"\n", strings.Join(line, " "), color, dots.String())
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", plotInnerWidth+14, 12+i*18, color, escaped(s.name))
	}
}

// power writes a power of ten as people read it.
func power(log float64) string {
	switch v := math.Pow(10, log); {
	case log >= 6:
		return fmt.Sprintf("%.0f M", v/1e6)
	case log >= 3:
		return fmt.Sprintf("%.0f k", v/1e3)
	default:
		return fmt.Sprintf("%g", v)
	}
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
