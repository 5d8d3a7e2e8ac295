package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/runtime"
	"yunduo/internal/project"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/wire"
)

var replayTexts = struct{ record, calls, recording, off, recordings, output, replay, inspect, node, dir, waiting, ended, failed, same, other, differs, unknown, unused, truncated, diverged, version text }{
	record:     text{"Record the next calls of a function: its event, caller and every answer of the platform", "录制云函数接下来的调用：事件、调用者与平台的每个应答"},
	calls:      text{"how many calls; 0 ends recording", "录制次数，0 表示停止"},
	recording:  text{"the next %d calls of %s are recorded, within an hour, on the server that takes them", "将在一小时内录制 %[2]s 接下来的 %[1]d 次调用"},
	off:        text{"calls of %s are not recorded any more", "已停止录制 %s"},
	recordings: text{"List recorded calls, or write one to a file", "列出录制的调用，或导出到文件"},
	output:     text{"write the recorded call ID to this file", "把指定 ID 的录制写入该文件"},
	replay:     text{"Run a recorded call again with the code in this folder; the platform's answers come from the record", "用本地代码重放录制的调用，平台应答取自录制"},
	inspect:    text{"wait for a debugger at this port on 127.0.0.1, 9229 if none is given; press Enter to begin", "在 127.0.0.1 的该端口等待调试器，默认 9229；按回车开始"},
	node:       text{"the node executable", "node 可执行文件"},
	dir:        text{"the project's folder", "项目目录"},
	waiting:    text{"debugger: ws://%s/%s; set breakpoints and press Enter", "调试器：ws://%s/%s，设置断点后按回车"},
	ended:      text{"result: %s", "结果：%s"},
	failed:     text{"failed: %s: %s", "失败：%s：%s"},
	same:       text{"✓ it ended as recorded; %d calls of the platform answered from the record", "✓ 与录制一致，平台调用 %d 次均取自录制"},
	other:      text{"✗ it ended otherwise than recorded: %s", "✗ 结束方式与录制不同：%s"},
	differs:    text{"✗ %s asks for something else\n    recorded %s\n    now      %s", "✗ %s 的请求不同\n    录制 %s\n    现在 %s"},
	unknown:    text{"✗ %s was not called so when it was recorded: %s", "✗ 录制中没有对 %s 的这次调用：%s"},
	unused:     text{"✗ %s was called when it was recorded, and not now: %s", "✗ 录制中有对 %s 的调用，现在没有：%s"},
	truncated:  text{"the record is not whole: the call was told more than is kept", "录制不完整：内容超过上限"},
	diverged:   text{"the replay differs from the record", "重放与录制不一致"},
	version:    text{"recorded of version %d at %s", "录制自版本 %d，时间 %s"},
}

func functionsRecord(l language) *cobra.Command {
	var calls int
	cmd := verb("record NAME", l.say(replayTexts.record), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.Record(cmd.Context(), args[0], calls); err != nil {
			return err
		}
		text := l.say(replayTexts.recording, calls, args[0])
		if calls == 0 {
			text = l.say(replayTexts.off, args[0])
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
		return err
	})
	cmd.Flags().IntVar(&calls, "calls", 1, l.say(replayTexts.calls))
	return cmd
}

func functionsRecordings(l language) *cobra.Command {
	var output string
	cmd := listing(verb("recordings [NAME|ID]", l.say(replayTexts.recordings), cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		name := ""
		if len(args) > 0 {
			name = args[0]
		}
		if output != "" {
			text, err := c.Recording(cmd.Context(), name)
			if err != nil {
				return err
			}
			return os.WriteFile(output, text, 0o600)
		}
		list, err := c.Recordings(cmd.Context(), name)
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "RECORDED\tFUNCTION\tBYTES\tID", func(r wire.Recording) string {
			return fmt.Sprintf("%s\t%s\t%d\t%s", r.At.Local().Format(time.DateTime), r.Function, r.Bytes, r.ID)
		})
	}))
	cmd.Flags().StringVarP(&output, "output", "o", "", l.say(replayTexts.output))
	return cmd
}

type replayOptions struct {
	dir, node string
	inspect   int
}

func functionsReplay(l language) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{Use: "replay FILE|ID", Short: l.say(replayTexts.replay), Args: cobra.ExactArgs(1)}
	connect := targetFlags(cmd)
	cmd.Flags().StringVar(&o.dir, "dir", ".", l.say(replayTexts.dir))
	cmd.Flags().StringVar(&o.node, "node", "", l.say(replayTexts.node))
	cmd.Flags().IntVar(&o.inspect, "inspect", -1, l.say(replayTexts.inspect))
	cmd.Flags().Lookup("inspect").NoOptDefVal = "9229"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := os.ReadFile(args[0])
		if errors.Is(err, os.ErrNotExist) {
			var c *client.Client
			if c, _, err = connect(o.dir); err == nil {
				text, err = c.Recording(cmd.Context(), args[0])
			}
		}
		if err != nil {
			return err
		}
		var tape functions.Tape
		if err := json.Unmarshal(text, &tape); err != nil || tape.Function == "" {
			return fmt.Errorf("%s is no recorded call", args[0])
		}
		return replay(cmd.Context(), l, cmd.InOrStdin(), plainWriter{cmd.OutOrStdout()}, &tape, o)
	}
	return cmd
}

// replay runs a recorded call on a platform of its own that has nothing but the one function, and whose answers are the
// recorded ones.
func replay(ctx context.Context, l language, in io.Reader, out io.Writer, tape *functions.Tape, o replayOptions) (err error) {
	if tape.HTTP != nil && tape.HTTP.Unkept != "" {
		return errors.New(l.say(exchangeTexts.unkept, tape.HTTP.Unkept))
	}
	p, err := project.Load(o.dir, project.Options{})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(p.Functions, func(f project.Function) bool { return f.Name == tape.Function })
	if at < 0 {
		return fmt.Errorf("the project in %s has no function %q", p.Dir, tape.Function)
	}
	f := p.Functions[at]
	data, err := os.MkdirTemp("", "yunduo-replay-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	config := server.DefaultConfig()
	config.DataDir, config.Listen, config.NodePath, config.Version = filepath.Join(data, "data"), "127.0.0.1:0", o.node, version
	config.Dev = &server.Dev{App: tape.App}
	if o.inspect >= 0 {
		config.Sandbox, config.Dev.Source = "off", func(string) string { return f.Dir }
	}
	s, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	room, owner := s.Rooms().Functions, yunduo.System(tape.App)
	answers := &player{language: l, out: out, tape: tape, used: make([]bool, len(tape.Calls))}
	room.SetHost(answers)
	set := settings(f)
	set.Env = maps.Clone(set.Env)
	if set.Env == nil {
		set.Env = map[string]string{}
	}
	maps.Copy(set.Env, tape.Env) // secrets have the stand-ins there that the recorded calls have
	if _, err := room.Deploy(ctx, owner, tape.App, functions.DeployRequest{Name: f.Name, Folder: f.Dir, Root: p.Dir, Settings: set}); err != nil {
		return err
	}
	fmt.Fprintln(out, l.say(replayTexts.version, tape.FunctionVersion, tape.StartedAt.Local().Format(time.DateTime)))
	if tape.Truncated {
		fmt.Fprintln(out, l.say(replayTexts.truncated))
	}
	if o.inspect >= 0 {
		i, failed := startInspector(ctx, o.inspect, func(context.Context) ([]string, error) { return []string{f.Name}, nil }, func(ctx context.Context, name string) (string, error) {
			return room.Inspect(ctx, owner, tape.App, name)
		})
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, i.close()) }()
		fmt.Fprintln(out, l.say(replayTexts.waiting, i.address(), f.Name))
		if err := awaitEnter(ctx, in); err != nil {
			return err
		}
	}
	if tape.HTTP != nil {
		now, lines, failed := exchange(ctx, room, tape)
		printLines(out, f.Name, lines)
		return answers.report(func() { answers.reportExchange(now) }, failed)
	}
	c := tape.Caller
	result, failed := room.Invoke(ctx, owner, tape.App, f.Name, tape.Event, functions.InvokeOptions{Source: tape.Source, RequestID: tape.RequestID, Lines: true, AsUser: &yunduo.Caller{
		App: tape.App, UserID: c.UserID, OpenID: c.OpenID, UnionID: c.UnionID, WeChatAppID: c.WeChatAppID, Provider: c.Provider, Username: c.Username, ClientIP: c.ClientIP,
	}})
	printLines(out, f.Name, result.Lines)
	return answers.report(func() { answers.reportResult(result.JSON) }, failed)
}

func printLines(out io.Writer, function string, lines []runtime.LogLine) {
	for _, line := range lines {
		fmt.Fprintf(out, "[%s] %s\n", function, line.Message)
	}
}

func awaitEnter(ctx context.Context, in io.Reader) error {
	pressed := make(chan error, 1)
	go func() {
		_, err := in.Read(make([]byte, 1))
		pressed <- err
	}()
	select {
	case err := <-pressed:
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// player answers as the record says.
type player struct {
	language language
	out      io.Writer
	tape     *functions.Tape

	mu       sync.Mutex
	used     []bool
	answered int
	diverged bool
}

var _ runtime.Host = (*player)(nil)

// Call implements runtime.Host. The answer is that of the first recorded call that asked the same and has not been given
// yet, since calls that run at the same time come in any order.
func (p *player) Call(_ context.Context, _ *runtime.Invocation, operation string, request json.RawMessage, _ []byte) (json.RawMessage, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request = functions.Redact(request)
	other := -1
	for i := range p.tape.Calls {
		c := &p.tape.Calls[i]
		if p.used[i] || c.Operation != operation {
			continue
		}
		if sameJSON(c.Request, request) {
			p.used[i] = true
			p.answered++
			if c.Error != nil {
				return nil, nil, yunduo.Errorf(c.Error.Reason, "%s", c.Error.Message)
			}
			return c.Response, c.Attachment, nil
		}
		if other < 0 {
			other = i
		}
	}
	p.diverged = true
	if other >= 0 {
		p.used[other] = true // the next ones are compared with the next ones
		p.say(replayTexts.differs, operation, short(p.tape.Calls[other].Request), short(request))
	} else {
		p.say(replayTexts.unknown, operation, short(request))
	}
	return nil, nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the record has no answer to %s: %s", operation, short(request))
}

func (p *player) say(t text, args ...any) { fmt.Fprintln(p.out, p.language.say(t, args...)) }

// report tells how the replay ended, and fails if it was not as recorded. outcome tells what came of one that did not fail.
func (p *player) report(outcome func(), failed error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, used := range p.used {
		if !used {
			p.diverged = true
			p.say(replayTexts.unused, p.tape.Calls[i].Operation, short(p.tape.Calls[i].Request))
		}
	}
	recorded := p.tape.Error
	switch {
	case failed != nil:
		e := yunduo.AsError(failed)
		p.say(replayTexts.failed, e.Reason, e.Message)
		if e.Stack != "" {
			fmt.Fprintln(p.out, e.Stack)
		}
		if recorded == nil || recorded.Reason != e.Reason || recorded.Message != e.Message {
			p.diverged = true
			p.say(replayTexts.other, outcomeOf(p.tape))
		}
	case recorded != nil:
		p.diverged = true
		p.say(replayTexts.other, outcomeOf(p.tape))
	default:
		outcome()
	}
	if p.diverged {
		return errors.New(p.language.say(replayTexts.diverged))
	}
	p.say(replayTexts.same, p.answered)
	return nil
}

func (p *player) reportResult(result json.RawMessage) {
	p.say(replayTexts.ended, result)
	if !sameJSON(p.tape.Result, functions.Redact(result)) {
		p.diverged = true
		p.say(replayTexts.other, outcomeOf(p.tape))
	}
}

func outcomeOf(t *functions.Tape) string {
	if t.Error != nil {
		return string(t.Error.Reason) + ": " + t.Error.Message
	}
	return short(t.Result)
}

func short(text json.RawMessage) string {
	if runes := []rune(string(text)); len(runes) > 500 {
		return string(runes[:500]) + "…"
	}
	return string(text)
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
