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

// panel is a diagram, with logarithmic axes unless it is linear.
type panel struct {
	title  string
	linear bool
	series []series
}

const (
	plotWidth, plotHeight           = 640, 300 // of a panel
	plotLeft, plotRight             = 70, 150
	plotTop, plotBottom             = 40, 50
	plotDots                        = 30 // points of a series that are drawn by themselves at the most
	plotInnerWidth, plotInnerHeight = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

var plotColors = []string{"#1f6feb", "#d4572a", "#2a8f4f", "#8a4fd3"}

// plot draws panels below each other as an SVG image. Values that are not positive have no place on logarithmic axes
// and are left out there.
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

// axis is a range of values, or of their decimal logarithms.
type axis struct {
	low, high, step float64
	linear          bool
}

// part returns where a value lies between the ends, 0 to 1.
func (a axis) part(v float64) float64 {
	if !a.linear {
		v = math.Log10(v)
	}
	return (v - a.low) / (a.high - a.low)
}

// ticks returns the values at the lines, with what stands beside them.
func (a axis) ticks() (values []float64, texts []string) {
	for v := a.low; v <= a.high+a.step/2; v += a.step {
		if a.linear {
			values, texts = append(values, v), append(texts, fmt.Sprintf("%.6g", v))
		} else {
			values, texts = append(values, math.Pow(10, v)), append(texts, power(v))
		}
	}
	return values, texts
}

// axis returns one for the values of all series: the powers of ten around them, or from 0 to a round figure above them.
func (p panel) axis(value func(point) float64) axis {
	low, high, most := math.Inf(1), math.Inf(-1), 0.0
	for _, s := range p.series {
		for _, at := range s.points {
			if v := value(at); v > 0 && !math.IsInf(v, 0) {
				low, high, most = min(low, math.Floor(math.Log10(v))), max(high, math.Ceil(math.Log10(v))), max(most, v)
			}
		}
	}
	switch {
	case p.linear && most > 0:
		step := math.Pow(10, math.Floor(math.Log10(most)))
		for _, part := range []float64{.2, .5} {
			if most/(step*part) <= 6 {
				step *= part
				break
			}
		}
		return axis{0, math.Ceil(most/step) * step, step, true}
	case low > high:
		low, high = 0, 1
	case low == high:
		high++
	}
	return axis{low, high, 1, false}
}

func (p panel) draw(b *bytes.Buffer, xTitle string) {
	xs, ys := p.axis(func(at point) float64 { return at.x }), p.axis(func(at point) float64 { return at.y })
	px := func(v float64) float64 { return xs.part(v) * plotInnerWidth }
	py := func(v float64) float64 { return plotInnerHeight - ys.part(v)*plotInnerHeight }
	fmt.Fprintf(b, `<text x="0" y="-16" font-size="14">%s</text>`+"\n", escaped(p.title))
	values, texts := xs.ticks()
	for i, v := range values {
		fmt.Fprintf(b, `<path d="M%.1f 0V%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", px(v), plotInnerHeight, px(v), plotInnerHeight+18, texts[i])
	}
	values, texts = ys.ticks()
	for i, v := range values {
		fmt.Fprintf(b, `<path d="M0 %.1fH%d" stroke="#ddd"/><text x="-8" y="%.1f" text-anchor="end">%s</text>`+"\n", py(v), plotInnerWidth, py(v)+4, texts[i])
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", plotInnerWidth/2, plotInnerHeight+38, escaped(xTitle))
	for i, s := range p.series {
		color := plotColors[i%len(plotColors)]
		var line []string
		var dots strings.Builder
		for _, at := range s.points {
			if !p.linear && (at.x <= 0 || at.y <= 0) || math.IsInf(at.y, 0) {
				continue
			}
			x, y := px(at.x), py(at.y)
			line = append(line, fmt.Sprintf("%.1f,%.1f", x, y))
			if len(s.points) > plotDots {
				continue
			}
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
