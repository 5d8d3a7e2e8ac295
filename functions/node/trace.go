package node

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"yunduo"
)

// Where a function was when it ran into a limit is asked of V8 itself: Node.js runs with --trace-sigint, which makes it
// print the stack of the running code when it gets the signal, busy loops included. Code in native libraries does not
// answer, and gets no line.

const (
	traceLimit  = 25 * time.Millisecond  // how long an answer is awaited unless set; the process is ended then
	traceQuiet  = 6                      // an answer is complete when nothing more comes for this part of that
	traceFrames = 12                     // lines kept
	traceBytes  = 16 << 10               // of an answer
	hogSilence  = 100 * time.Millisecond // a process that has been silent for so long does not share
)

var traceHead = []byte("KEYBOARD_INTERRUPT")

// locate adds to the error where the function's code is at this moment, where that can be had. The process takes no
// more runs from now on.
func (p *Program) locate(r *run, why *yunduo.Error) *yunduo.Error {
	p.mu.Lock()
	proc := r.proc
	p.mu.Unlock()
	p.leaving(proc)
	frames := p.frames(proc.trace(r, why))
	if len(frames) == 0 {
		return why
	}
	located := *why
	located.Message += "; it was running " + frames[0].place
	var stack strings.Builder
	stack.WriteString(why.Message)
	for _, f := range frames {
		stack.WriteString("\n    at " + f.text)
	}
	located.Stack = stack.String()
	return &located
}

// trace makes a process that is about to be ended tell where it is. Where others run in it that may go on, it is left
// alone: elsewhere than in a sandbox the signal ends it.
func (p *process) trace(r *run, why *yunduo.Error) string {
	p.mu.Lock()
	p.retired = true
	if p.dead || r.answered || (p.busy > 1 && now()-p.heard.Load() < int64(hogSilence)) {
		p.mu.Unlock()
		return ""
	}
	if p.reason == nil {
		p.reason = why
		if p.busy > 1 {
			p.reason = errHogged
		}
	}
	p.mu.Unlock()
	more := p.child.stderr.listen()
	if p.child.process.Signal(os.Interrupt) != nil {
		return ""
	}
	limit := time.NewTimer(p.rt.opts.tracePatience)
	defer limit.Stop()
	var quiet <-chan time.Time
	for {
		select {
		case <-more:
			text := p.child.stderr.heard()
			if at := bytes.Index(text, traceHead); at >= 0 {
				if bytes.Contains(text[at:], []byte("\n\n")) {
					return string(text[at:])
				}
				quiet = time.After(p.rt.opts.tracePatience / traceQuiet)
			}
		case <-quiet:
			return string(p.child.stderr.heard())
		case <-limit.C:
			return string(p.child.stderr.heard())
		case <-p.gone:
			return string(p.child.stderr.heard())
		}
	}
}

// frame is one line of a stack, in the author's files.
type frame struct {
	text  string
	place string
}

var frameLine = regexp.MustCompile(`^ +at (?:(.{1,200}) \()?([^()]{1,500}):(\d{1,9}):(\d{1,9})\)?$`)

// frames reads a stack that the process has printed. It may have been forged; the worst is that its author is misled.
func (p *Program) frames(text string) []frame {
	at := strings.Index(text, string(traceHead))
	if at < 0 {
		return nil
	}
	var all []frame
	for line := range strings.Lines(text[at:]) {
		m := frameLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || len(all) == traceFrames || strings.ContainsFunc(line[:len(line)-1], unicode.IsControl) {
			continue
		}
		file, inside := strings.CutPrefix(filepath.ToSlash(m[2]), filepath.ToSlash(p.load.meta.Folder)+"/")
		if !inside {
			continue // of Node.js or of the runner
		}
		row, _ := strconv.Atoi(m[3])
		column, _ := strconv.Atoi(m[4])
		if p.bundle.Code != nil && file == path.Clean(p.load.meta.Entry) {
			if source, r, c, ok := p.sources().find(row, column); ok {
				file, row, column = source, r, c
			}
		}
		f := frame{place: file + ":" + strconv.Itoa(row) + ":" + strconv.Itoa(column)}
		f.text = f.place
		if m[1] != "" {
			f.text = m[1] + " (" + f.place + ")"
		}
		all = append(all, f)
	}
	return all
}

// sources reads the bundle's source map; it is only kept while it is needed, which is rarely.
func (p *Program) sources() *sourceMap { return parseSourceMap(p.bundle.SourceMap) }
