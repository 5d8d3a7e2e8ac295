package main

import (
	"strings"
	"sync"

	"yunduo"
	"yunduo/functions"
)

// printLogs prints what functions print and how they fail, until the returned function is called.
func (d *developer) printLogs() (stop func()) {
	entries, unsubscribe, err := d.server.Rooms().Functions.Subscribe(yunduo.System(d.app), d.app, "", func(e functions.Entry) bool { return e.Line != nil || e.Ended.Reason != "" })
	if err != nil {
		d.say(texts.configProblem, sentence(err))
		return func() {}
	}
	var group sync.WaitGroup
	group.Go(func() {
		for e := range entries {
			switch {
			case e.Line != nil:
				d.print("[%s] %s", e.Function, strings.ReplaceAll(e.Line.Message, "\n", "\n  "))
			default:
				d.print("[%s] ✗ %s: %s", e.Function, e.Ended.Reason, strings.ReplaceAll(e.Ended.Message, "\n", "\n  "))
				if e.Ended.Stack != "" {
					d.print("  %s", strings.ReplaceAll(e.Ended.Stack, "\n", "\n  "))
				}
			}
		}
	})
	return func() {
		unsubscribe()
		group.Wait()
	}
}
