package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	client "yunduo/sdk/go"
	"yunduo/wire"
)

var reportTexts = struct{ show, sizes, missing, vulnerable, fine, unchecked, none text }{
	show:       text{"Show a function: its settings, size, packages, and what is missing or vulnerable", "查看云函数：设置、大小、依赖包，以及缺失或有漏洞的内容"},
	sizes:      text{"%s; packages (%d): %s", "%s；依赖包（%d 个）：%s"},
	missing:    text{"%s is missing; required by %s", "缺少 %s；%s 引用了它"},
	vulnerable: text{"%s %s has a vulnerability (%s): %s %s", "%s %s 存在漏洞（%s）：%s %s"},
	fine:       text{"no known vulnerabilities", "没有已知漏洞"},
	unchecked:  text{"Known vulnerabilities were not checked: %s", "未检查已知漏洞：%s"},
	none:       text{"none", "无"},
}

// size writes bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	value, i := float64(n), 0
	for value >= 1024 && i < len(units)-1 {
		value, i = value/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

// packageName writes a package as npm does.
func packageName(name, version string) string {
	if version == "" {
		return name
	}
	return name + "@" + version
}

// biggest names the biggest packages with their sizes.
func biggest(r wire.FunctionReport, n int) string {
	var list []string
	for _, p := range r.Packages[:min(n, len(r.Packages))] {
		list = append(list, fmt.Sprintf("%s %s", packageName(p.Name, p.Version), size(p.Bytes)))
	}
	if r.PackageCount > len(list) {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// reportPatience bounds how long a deployment waits for what a registry knows: the functions are made by then.
const reportPatience = 30 * time.Second

// reports asks for the reports of versions while others are still made.
type reports struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	list map[string]wire.FunctionReport
}

func (r *reports) ask(ctx context.Context, c *client.Client, name string, version int64) {
	r.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, reportPatience)
		defer cancel()
		report, err := c.FunctionReport(ctx, name, version)
		if err != nil {
			report = wire.FunctionReport{Name: name, Unchecked: sentence(err)}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.list == nil {
			r.list = make(map[string]wire.FunctionReport)
		}
		r.list[name] = report
	})
}

// of returns the report of a function, as soon as it is there.
func (r *reports) of(name string) wire.FunctionReport {
	r.wg.Wait()
	return r.list[name]
}

// tell prints what an author should see of a report after a deployment. What is missing is among the warnings.
func tell(out io.Writer, l language, r wire.FunctionReport) {
	if r.PackageCount > 0 {
		fmt.Fprintln(out, "  "+l.say(reportTexts.sizes, size(r.SizeBytes), r.PackageCount, biggest(r, 3)))
	}
	for _, a := range r.Advisories {
		fmt.Fprintln(out, "  "+l.say(texts.configProblem, vulnerability(l, a)))
	}
}

func vulnerability(l language, a wire.PackageAdvisory) string {
	return strings.TrimSpace(l.say(reportTexts.vulnerable, a.Package, a.Version, a.Severity, a.Title, a.URL))
}

// tellUnchecked says once which reports lack advisories, and why.
func (r *reports) tellUnchecked(out io.Writer, l language) {
	r.wg.Wait()
	said := make(map[string]bool)
	for _, report := range r.list {
		if report.Unchecked != "" && !said[report.Unchecked] {
			said[report.Unchecked] = true
			fmt.Fprintln(out, l.say(reportTexts.unchecked, report.Unchecked))
		}
	}
}

func functionsShow(l language) *cobra.Command {
	var version int64
	cmd := listing(verb("show NAME", l.say(reportTexts.show), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		f, err := c.Function(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		r, err := c.FunctionReport(cmd.Context(), args[0], version)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
			return printJSON(out, struct {
				Function wire.Function       `json:"function"`
				Report   wire.FunctionReport `json:"report"`
			}{f, r})
		}
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintf(w, "NAME\t%s\nVERSION\t%d\nLIVE\t%s\nMODE\t%s\nTIMEOUT\t%gs\n", f.Name, r.Version, shares(f.Live), r.Mode, f.TimeoutSeconds)
		fmt.Fprintf(w, "SIZE\t%s (source %s, code %s, node_modules %s)\n", size(r.SizeBytes), size(r.SourceBytes), size(r.CodeBytes), size(r.ModuleBytes))
		fmt.Fprintf(w, "PACKAGES\t%d, installed %s\n", r.PackageCount, size(r.InstalledBytes))
		for _, p := range r.Packages {
			fmt.Fprintf(w, "\t%s %s\n", packageName(p.Name, p.Version), size(p.Bytes))
		}
		fmt.Fprint(w, "MISSING")
		for _, m := range r.Missing {
			fmt.Fprintf(w, "\t%s\n", l.say(reportTexts.missing, m.Name, strings.Join(m.Files, ", ")))
		}
		if len(r.Missing) == 0 {
			fmt.Fprintf(w, "\t%s\n", l.say(reportTexts.none))
		}
		fmt.Fprint(w, "VULNERABLE")
		for _, a := range r.Advisories {
			fmt.Fprintf(w, "\t%s\n", vulnerability(l, a))
		}
		switch {
		case r.Unchecked != "":
			fmt.Fprintf(w, "\t%s\n", l.say(reportTexts.unchecked, r.Unchecked))
		case len(r.Advisories) == 0:
			fmt.Fprintf(w, "\t%s\n", l.say(reportTexts.fine))
		}
		return w.Flush()
	}))
	cmd.Flags().Int64Var(&version, "version", 0, "another version than the live one")
	return cmd
}
