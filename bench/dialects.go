package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// dialectTarget is what a call of the official SDKs may cost beside the same one on our own API, in processor time of
// the server.
const dialectTarget = 1.25

// clock is the frequency of the kernel's account of processor time, which is 100 on every Linux that Go runs on.
const clock = 100

// spent returns the processor time that a process has used, without its children.
func spent(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time is known on Linux only: %w", err)
	}
	// The name of the program may hold blanks; what follows it does not.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d has no processor time", pid)
	}
	var ticks time.Duration
	for _, field := range fields[11:13] { // in user mode, and in the kernel for it
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += time.Duration(n)
	}
	return ticks * time.Second / clock, nil
}

// dialectCall is one operation in one dialect.
type dialectCall struct {
	dialect string
	load    load
}

// cost runs the calls in turns and returns the server's processor time per call in microseconds, per round.
func (b *bench) cost(ctx context.Context, calls []dialectCall) ([]spread, error) {
	costs := make([]spread, len(calls))
	for i := range b.rounds + 1 {
		for n, call := range calls {
			before, err := spent(b.PID)
			if err != nil {
				return nil, err
			}
			r, err := call.load.run(ctx, b.lasting)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.dialect, err)
			}
			after, err := spent(b.PID)
			if err != nil {
				return nil, err
			}
			if i > 0 { // the first round warms up
				costs[n] = append(costs[n], microseconds(after-before)/float64(r.count))
			}
		}
	}
	return costs, nil
}

// dialects compares what the server spends on the same operation, asked for in each protocol that it speaks.
func dialects(ctx context.Context, b *bench) error {
	ids, err := b.seed(ctx, 1000)
	if err != nil {
		return err
	}
	if err := b.collection(ctx, "dialects"); err != nil {
		return err
	}
	fmt.Printf("\n## Processor time of the server per call, by dialect\n\nMicroseconds of the server process per call, 16 clients; the ratio is to our own API with the same credentials: an API key for the admin endpoint, an end user's access token for the others. Targets: at most %.2f; 5,000 signed reads/s.\n\n| operation | dialect | us per call | : native | target |\n|---|---|---|---|---|\n", dialectTarget)
	for _, operation := range []struct {
		name  string
		calls []dialectCall
	}{
		{"get by ID", b.dialectGets(ids)},
		{"list of 20", b.dialectLists()},
		{"callFunction", b.dialectInvokes()},
		{"insert", b.dialectInserts()},
	} {
		if b.operation != "" && b.operation != operation.name {
			continue
		}
		costs, err := b.cost(ctx, operation.calls)
		if err != nil {
			return fmt.Errorf("%s: %w", operation.name, err)
		}
		native := map[bool]spread{true: costs[0], false: costs[1]}
		for n, call := range operation.calls {
			if n < 2 {
				fmt.Printf("| %s | %s | %s | 1 | |\n", operation.name, call.dialect, costs[n].text(1))
				continue
			}
			ratio := costs[n].over(native[strings.HasPrefix(call.dialect, "admin")])
			fmt.Printf("| %s | %s | %s | %s | %s |\n", operation.name, call.dialect, costs[n].text(1), ratio.text(2), verdict(ratio.median(), dialectTarget, true))
		}
	}
	if b.operation != "" {
		return nil
	}
	return b.signedReads(ctx, ids)
}

// signedReads measures how many reads by ID with a signature are answered in a second.
func (b *bench) signedReads(ctx context.Context, ids []string) error {
	l := b.gets(64, ids, b.signedGet)
	results, err := b.sideBySide(ctx, l)
	if err != nil {
		return err
	}
	rate := rates(results[0])
	fmt.Printf("\nReads by ID on the admin endpoint, signed (TC3), 64 clients: %s a second; target 5,000: %s. Load %s.\n", rate.text(0), verdict(rate.median(), 5000, false), loads(results[0]))
	return nil
}

func (b *bench) signedGet(id string) []byte {
	return b.signed(time.Now(), "action", "database.getDocument", "collectionName", "notes", "envName", b.App, "query", `{"_id":`+quote(id)+`}`, "queryType", "DOC")
}

// web is a request to the web endpoint: members are JSON texts by name.
func (b *bench) web(members ...string) []byte {
	body := `{"dataVersion":"2020-01-10","env":` + quote(b.App) + `,"seqId":"0123456789abcdef"`
	for i := 0; i < len(members); i += 2 {
		body += "," + quote(members[i]) + ":" + members[i+1]
	}
	return request(b.host, "/web?env="+b.App, []byte(body+`,"access_token":`+quote(b.token)+`}`))
}

const rest = "/v1/database/instances/(default)/databases/(default)/collections/"

// rest is a request to the gateway endpoint.
func (b *bench) rest(method, path string, body []byte) []byte {
	return message(method, b.host, path, body, b.bearer(), "X-Request-Id: 0123456789abcdef", "X-SDK-Version: @cloudbase/js-sdk/3.7.0")
}

// perDialect puts the calls of one operation in order: native with a key and with a token, then the official ones.
func perDialect(make func(dialect string) load) []dialectCall {
	var calls []dialectCall
	for _, dialect := range []string{"native, API key", "native, access token", "admin, signed", "admin, API key", "web", "gateway"} {
		calls = append(calls, dialectCall{dialect, make(dialect)})
	}
	return calls
}

func (b *bench) key() string { return "Authorization: Bearer " + b.APIKey }

// keyed is a request to the admin endpoint with the app's key instead of a signature.
func (b *bench) keyed(members ...any) []byte {
	body := "{"
	for i := 0; i < len(members); i += 2 {
		if i > 0 {
			body += ","
		}
		body += quote(members[i].(string)) + ":" + memberText(members[i+1])
	}
	return request(b.host, "/admin", []byte(body+"}"), b.key())
}

func memberText(value any) string {
	if raw, ok := value.(json.RawMessage); ok {
		return string(raw)
	}
	return quote(value.(string))
}

// onAdmin makes a request to the admin endpoint, signed or with the key.
func (b *bench) onAdmin(dialect string, members ...any) []byte {
	if dialect == "admin, signed" {
		return b.signed(time.Now(), members...)
	}
	return b.keyed(members...)
}

func (b *bench) dialectGets(ids []string) []dialectCall {
	return perDialect(func(dialect string) load {
		return b.gets(16, ids, func(id string) []byte {
			filter := `{"_id":` + quote(id) + `}`
			switch dialect {
			case "native, API key":
				return b.get(id, b.key())
			case "native, access token":
				return b.get(id, b.bearer())
			case "web":
				return b.web("action", quote("database.queryDocument"), "collectionName", quote("notes"), "query", filter, "queryType", quote("DOC"), "projection", "{}", "multi", "false")
			case "gateway":
				query := url.Values{"query": {filter}, "limit": {"1"}, "offset": {"0"}}
				return b.rest("GET", rest+"notes/documents?"+query.Encode()+"&", nil)
			}
			return b.onAdmin(dialect, "action", "database.getDocument", "collectionName", "notes", "envName", b.App, "query", filter, "queryType", "DOC")
		})
	})
}

func (b *bench) dialectLists() []dialectCall {
	return perDialect(func(dialect string) load {
		var text []byte
		switch dialect {
		case "native, API key":
			text = b.documents("notes", "find", `{"limit":20}`, b.key())
		case "native, access token":
			text = b.documents("notes", "find", `{"limit":20}`, b.bearer())
		case "web":
			text = b.web("action", quote("database.queryDocument"), "collectionName", quote("notes"), "query", "{}", "queryType", quote("WHERE"), "projection", "{}", "limit", "20", "offset", "0")
		case "gateway":
			text = b.rest("GET", rest+"notes/documents?limit=20&offset=0&query=%7B%7D&", nil)
		default:
			text = b.onAdmin(dialect, "action", "database.getDocument", "collectionName", "notes", "envName", b.App, "limit", json.RawMessage("20"), "query", "{}", "queryType", "WHERE")
		}
		return load{address: b.host, clients: 16, next: always(text), check: func(_, _ int, body []byte) error {
			if n := bytes.Count(body, []byte("notes of a mini-program")); n != 20 {
				return fmt.Errorf("the reply has %d documents: %.300s", n, body)
			}
			return nil
		}}
	})
}

func (b *bench) dialectInvokes() []dialectCall {
	return perDialect(func(dialect string) load {
		var text []byte
		switch dialect {
		case "native, API key":
			text = request(b.host, "/v1/apps/"+b.App+"/functions/echo", []byte(event), b.key())
		case "native, access token":
			text = b.function("echo", []byte(event))
		case "web":
			text = b.web("action", quote("functions.invokeFunction"), "function_name", quote("echo"), "request_data", quote(event))
		case "gateway":
			text = b.rest("POST", "/v1/functions/echo", []byte(event))
		default:
			text = b.onAdmin(dialect, "action", "functions.invokeFunction", "envName", b.App, "function_name", "echo", "request_data", event)
		}
		return load{address: b.host, clients: 16, next: always(text), check: holds("a few words of a query")}
	})
}

func (b *bench) dialectInserts() []dialectCall {
	document := fmt.Sprintf(note, 1)
	return perDialect(func(dialect string) load {
		var text []byte
		switch dialect {
		case "native, API key":
			text = b.documents("dialects", "insert", `{"documents":[`+document+`]}`, b.key())
		case "native, access token":
			text = b.documents("dialects", "insert", `{"documents":[`+document+`]}`, b.bearer())
		case "web":
			text = b.web("action", quote("database.addDocument"), "collectionName", quote("dialects"), "data", document)
		case "gateway":
			text = b.rest("POST", rest+"dialects/documents", []byte(`{"data":[`+document+`]}`))
		default:
			text = b.onAdmin(dialect, "action", "database.insertDocument", "collectionName", "dialects", "data", json.RawMessage("["+quote(document)+"]"), "envName", b.App)
		}
		return load{address: b.host, clients: 16, next: always(text), check: holds(`"insertedIds":["`)}
	})
}

func holds(text string) func(int, int, []byte) error {
	return func(_, _ int, body []byte) error {
		if !bytes.Contains(body, []byte(text)) {
			return fmt.Errorf("the reply does not hold %s: %.300s", text, body)
		}
		return nil
	}
}
