package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
)

// debugger speaks the Chrome DevTools Protocol as debuggers do.
type debugger struct {
	t      *testing.T
	socket *websocket.Conn
	last   int
	events []cdpMessage
}

type cdpMessage struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

func attach(t *testing.T, address string) *debugger {
	t.Helper()
	socket, _, err := websocket.Dial(t.Context(), address, nil)
	require.NoError(t, err)
	socket.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = socket.CloseNow() })
	d := &debugger{t: t, socket: socket}
	d.send("Runtime.enable", nil, nil)
	d.send("Debugger.enable", nil, nil)
	return d
}

func (d *debugger) read() cdpMessage {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	_, text, err := d.socket.Read(ctx)
	require.NoError(d.t, err)
	var m cdpMessage
	require.NoError(d.t, json.Unmarshal(text, &m))
	return m
}

// tell sends a command whose answer nobody waits for: a process that goes on may end before it has answered.
func (d *debugger) tell(method string, params any) {
	d.t.Helper()
	d.last++
	text, err := json.Marshal(map[string]any{"id": d.last, "method": method, "params": params})
	require.NoError(d.t, err)
	require.NoError(d.t, d.socket.Write(d.t.Context(), websocket.MessageText, text))
}

func (d *debugger) send(method string, params, result any) {
	d.t.Helper()
	d.tell(method, params)
	for {
		m := d.read()
		if m.ID != d.last {
			d.events = append(d.events, m)
			continue
		}
		require.Empty(d.t, string(m.Error), method)
		if result != nil {
			require.NoError(d.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// await returns the first event of a kind that is wanted.
func await[T any](d *debugger, method string, wanted func(T) bool) T {
	d.t.Helper()
	for i := 0; ; i++ {
		if i == len(d.events) {
			d.events = append(d.events, d.read())
		}
		if d.events[i].Method != method {
			continue
		}
		var params T
		require.NoError(d.t, json.Unmarshal(d.events[i].Params, &params))
		if wanted(params) {
			d.events = append(d.events[:i:i], d.events[i+1:]...)
			return params
		}
	}
}

type script struct {
	URL          string `json:"url"`
	ScriptID     string `json:"scriptId"`
	SourceMapURL string `json:"sourceMapURL"`
}

type location struct {
	ScriptID     string `json:"scriptId"`
	LineNumber   int    `json:"lineNumber"`
	ColumnNumber int    `json:"columnNumber"`
}

type standing struct {
	CallFrames []struct {
		ID       string   `json:"callFrameId"`
		Location location `json:"location"`
	} `json:"callFrames"`
}

// mapping is a place in a generated script and the one in a source that it comes from, counted from 0.
type mapping struct{ line, column, source, sourceLine, sourceColumn int }

// mappings reads a source map as debuggers do.
func mappings(t *testing.T, s script) (sources []string, list []mapping) {
	t.Helper()
	_, data, ok := strings.Cut(s.SourceMapURL, ";base64,")
	require.True(t, ok, s.SourceMapURL)
	text, err := base64.StdEncoding.DecodeString(data)
	require.NoError(t, err)
	var m struct {
		SourceRoot, Mappings string
		Sources              []string
	}
	require.NoError(t, json.Unmarshal(text, &m))
	for _, name := range m.Sources {
		sources = append(sources, m.SourceRoot+name)
	}
	at := mapping{}
	for line, row := range strings.Split(m.Mappings, ";") {
		at.line, at.column = line, 0
		for segment := range strings.SplitSeq(row, ",") {
			var numbers []int
			for value, shift, i := 0, 0, 0; i < len(segment); i++ {
				digit := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", segment[i])
				value |= (digit & 31) << shift
				if shift += 5; digit&32 == 0 {
					if n := value >> 1; value&1 != 0 {
						numbers = append(numbers, -n)
					} else {
						numbers = append(numbers, n)
					}
					value, shift = 0, 0
				}
			}
			if len(numbers) > 0 {
				at.column += numbers[0]
			}
			if len(numbers) > 3 {
				at.source, at.sourceLine, at.sourceColumn = at.source+numbers[1], at.sourceLine+numbers[2], at.sourceColumn+numbers[3]
				list = append(list, at)
			}
		}
	}
	return sources, list
}

func fileURL(path string) string { return "file://" + filepath.ToSlash(path) }

const priceSource = `interface Line {
  price: number
  count: number
}

export function total(lines: Line[]): number {
  let sum = 0
  for (const line of lines) {
    sum += line.price * line.count
  }
  return sum
}
`

func TestDev_Inspect(t *testing.T) {
	dir := newProject(t)
	functions := filepath.Join(dir, "cloudfunctions")
	price := filepath.Join(functions, "order", "lib", "price.ts")
	write(t, price, priceSource)
	write(t, filepath.Join(functions, "order", "index.ts"), "import { total } from './lib/price'\n\nexports.main = async (event: { lines: any[] }) => ({ total: total(event.lines) })\n")
	plain := filepath.Join(functions, "plain", "index.js")
	write(t, plain, "exports.main = async event => {\n  const twice = event.n * 2\n  return twice\n}\n")
	write(t, filepath.Join(dir, "yunduo.yaml"), "functions:\n  plain: {unbundled: true}\n")
	p, info := startDev(t, dir, "--inspect=0")
	require.Contains(t, p.out.String(), "without sandbox")
	require.NotEmpty(t, info.InspectURL)

	response, err := http.Get(info.InspectURL + "/json/list")
	require.NoError(t, err)
	defer response.Body.Close()
	var targets []inspected
	require.NoError(t, json.NewDecoder(response.Body).Decode(&targets))
	sockets := map[string]string{}
	for _, at := range targets {
		sockets[at.Title] = at.Socket
	}
	require.Len(t, sockets, 3)

	c := client.New(info.URL, yunduo.AppID(info.App), info.APIKey)
	type outcome struct {
		result json.RawMessage
		err    error
	}
	invoke := func(name, event string) <-chan outcome {
		done := make(chan outcome, 1)
		go func() {
			result, err := c.Invoke(t.Context(), name, json.RawMessage(event))
			done <- outcome{result, err}
		}()
		return done
	}

	// A bundle: the debugger finds the author's line by the source map.
	d := attach(t, sockets["order"])
	s := await(d, "Debugger.scriptParsed", func(s script) bool { return strings.HasPrefix(s.SourceMapURL, "data:") })
	sources, list := mappings(t, s)
	require.Contains(t, sources, fileURL(price))
	const line = 8 // sum += ..., counted from 0
	set := mapping{line: -1}
	for _, m := range list {
		if sources[m.source] == fileURL(price) && m.sourceLine == line {
			set = m
			break
		}
	}
	require.NotEqual(t, -1, set.line)
	d.send("Debugger.setBreakpointByUrl", map[string]any{"url": s.URL, "lineNumber": set.line, "columnNumber": set.column}, nil)
	done := invoke("order", `{"lines":[{"price":3,"count":4}]}`)
	paused := await(d, "Debugger.paused", func(standing) bool { return true })
	at := paused.CallFrames[0].Location
	var found mapping
	for _, m := range list {
		if m.line == at.LineNumber && m.column <= at.ColumnNumber {
			found = m
		}
	}
	require.Equal(t, fileURL(price), sources[found.source])
	require.Equal(t, line, found.sourceLine)
	require.Equal(t, "12", d.evaluate(paused, "line.price * line.count"))
	require.Empty(t, done, "it stands still")
	d.send("Debugger.resume", nil, nil)
	got := <-done
	require.NoError(t, got.err)
	require.JSONEq(t, `{"total":12}`, string(got.result))

	// The author's own file: its address is the script's.
	d = attach(t, sockets["plain"])
	d.send("Debugger.setBreakpointByUrl", map[string]any{"url": fileURL(plain), "lineNumber": 2}, nil)
	done = invoke("plain", `{"n":21}`)
	paused = await(d, "Debugger.paused", func(standing) bool { return true })
	require.Equal(t, 2, paused.CallFrames[0].Location.LineNumber)
	require.Equal(t, "42", d.evaluate(paused, "twice"))
	d.send("Debugger.evaluateOnCallFrame", map[string]any{"callFrameId": paused.CallFrames[0].ID, "expression": "event.n = 1"}, nil)
	d.send("Debugger.resume", nil, nil)
	got = <-done
	require.NoError(t, got.err)
	require.Equal(t, "42", string(got.result))

	// A new version is found at the same address.
	write(t, plain, "exports.main = async event => {\n  const thrice = event.n * 3\n  return thrice\n}\n")
	p.out.waitFor(t, "plain is live as version 2", 1)
	d = attach(t, sockets["plain"])
	d.send("Debugger.setBreakpointByUrl", map[string]any{"url": fileURL(plain), "lineNumber": 2}, nil)
	done = invoke("plain", `{"n":2}`)
	paused = await(d, "Debugger.paused", func(standing) bool { return true })
	require.Equal(t, "6", d.evaluate(paused, "thrice"))
	d.send("Debugger.resume", nil, nil)
	require.NoError(t, (<-done).err)
	require.NoError(t, p.stop())
}

func (d *debugger) evaluate(p standing, expression string) string {
	d.t.Helper()
	var reply struct {
		Result struct{ Value json.RawMessage } `json:"result"`
	}
	d.send("Debugger.evaluateOnCallFrame", map[string]any{"callFrameId": p.CallFrames[0].ID, "expression": expression, "returnByValue": true}, &reply)
	return string(reply.Result.Value)
}

// A page must not reach the debugger, whatever it says: it could run code on the author's machine.
func TestDev_InspectKeepsPagesOut(t *testing.T) {
	dir := newProject(t)
	p, info := startDev(t, dir, "--inspect=0")
	socket := "ws" + strings.TrimPrefix(info.InspectURL, "http") + "/hello"
	try := func(host, origin string) int {
		request, err := http.NewRequest("GET", info.InspectURL+"/json/list", nil)
		require.NoError(t, err)
		request.Host = host
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, 200, try("", ""))
	require.Equal(t, 200, try("localhost:9229", "devtools://devtools"))
	require.Equal(t, 403, try("rebound.example:9229", ""))
	require.Equal(t, 403, try("", "https://evil.example"))
	require.Equal(t, 403, try("", "http://127.0.0.1:8080"))
	for origin, status := range map[string]int{"https://evil.example": 403, "null": 403} {
		_, response, err := websocket.Dial(t.Context(), socket, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		require.Error(t, err)
		require.Equal(t, status, response.StatusCode)
	}
	_, response, err := websocket.Dial(t.Context(), strings.TrimSuffix(socket, "hello")+"nobody", nil)
	require.Error(t, err)
	require.Equal(t, 404, response.StatusCode)
	require.NoError(t, p.stop())

	_, err = run(t, "dev", dir, "--port", "0", "--inspect=0", "--sandbox", "require")
	require.ErrorContains(t, err, "--sandbox require")
	p, info = startDev(t, dir)
	require.Empty(t, info.InspectURL, "off unless asked for")
	text, err := os.ReadFile(filepath.Join(dir, stateDir, "dev.json"))
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, []byte("inspect")))
	require.NoError(t, p.stop())
}
