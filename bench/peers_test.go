package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pieces hands a feed a text in two parts, at every place, and returns what it heard each time.
func pieces(t *testing.T, text string, make func() feed) []string {
	t.Helper()
	var all []string
	for cut := range len(text) {
		var heard []string
		f, in := make(), []byte(nil)
		for _, part := range []string{text[:cut], text[cut:]} {
			in = append(in, part...)
			used, err := f.take(in, func(e notice) error {
				heard = append(heard, fmt.Sprintf("%d %s", e.kind, e.data))
				return nil
			})
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			in = in[used:]
		}
		if len(in) > 0 {
			t.Fatalf("cut at %d: %q is left", cut, in)
		}
		if all != nil && !slices.Equal(all, heard) {
			t.Fatalf("cut at %d: %q instead of %q", cut, heard, all)
		}
		all = heard
	}
	return all
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

func TestWebSocket_ReadsMessages(t *testing.T) {
	long := `{"type":"changes","id":"` + strings.Repeat("x", 200) + `"}`
	text := upgraded + "\x81\x10" + `{"type":"ready"}` + "\x89\x02hi" + "\x81\x7e\x00\xe2" + long + "\x81\x02{}"
	got := pieces(t, text, func() feed { return &webSocket{} })
	want := []string{fmt.Sprint(int(greeting), ` {"type":"ready"}`), fmt.Sprint(int(answer), " \x8a\x82\x00\x00\x00\x00hi"), fmt.Sprint(int(change), " ", long), fmt.Sprint(int(other), " {}")}
	if !slices.Equal(got, want) {
		t.Fatalf("%q instead of %q", got, want)
	}
	for _, bad := range []string{"HTTP/1.1 403 Forbidden\r\n\r\n", upgraded + "\x88\x02\x03\xe8", upgraded + "\x01\x01x", upgraded + "\x81\x81aaaax",
		upgraded + "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", upgraded + "\x81\x10" + `{"type":"error"}`} {
		if _, err := (&webSocket{}).take([]byte(bad), func(notice) error { return nil }); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestServerEvents_ReadsEvents(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	text := head + chunk("id:1\nevent:PB_CONNECT\n") + chunk("data:{\"clientId\":\"c\"}\n\nevent:room/*\nda") + chunk("ta:{}\n\n") + chunk(": nothing\n\n")
	got := pieces(t, text, func() feed { return &serverEvents{} })
	want := []string{fmt.Sprint(int(greeting), ` {"clientId":"c"}`), fmt.Sprint(int(change), " {}"), fmt.Sprint(int(other), " ")}
	if !slices.Equal(got, want) {
		t.Fatalf("%q instead of %q", got, want)
	}
	for _, bad := range []string{"HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", head + "0\r\n\r\n", head + "x\r\n"} {
		if _, err := (&serverEvents{}).take([]byte(bad), func(notice) error { return nil }); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestTogether_KeepsLoadsApart(t *testing.T) {
	var even, odd atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			even.Add(1)
		} else {
			odd.Add(1)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, r.Method)
	}))
	defer server.Close()
	address := server.Listener.Addr().String()
	expect := func(method string) func(int, int, []byte) error {
		return func(_, _ int, body []byte) error {
			if string(body) != method {
				return fmt.Errorf("%s instead of %s", body, method)
			}
			return nil
		}
	}
	gets := load{address: address, clients: 3, next: always(message("GET", address, "/", nil)), check: expect("GET"), most: 30}
	posts := load{address: address, clients: 2, next: always(request(address, "/", []byte("{}"))), check: expect("POST"), most: 8}
	rounds, err := together(t.Context(), time.Hour, gets, posts)
	if err != nil || len(rounds) != 2 || even.Load() != 30 || odd.Load() != 8 || rounds[0].rate <= 0 || rounds[1].rate <= 0 {
		t.Fatalf("%d and %d requests: %+v, %v", even.Load(), odd.Load(), rounds, err)
	}
	wrong := errors.New("wrong")
	posts.check = func(int, int, []byte) error { return wrong }
	if _, err := together(t.Context(), time.Hour, gets, posts); !errors.Is(err, wrong) {
		t.Fatalf("a wrong reply gave %v", err)
	}
}

func TestTurns_ReachEverythingOnce(t *testing.T) {
	seen, values := make([]int, 50), map[int]bool{}
	for range 2 { // two loads
		turns := newTurns(4)
		for i := range 2000 {
			n := turns.next(i%4, len(seen))
			if turns.last(i%4, len(seen)) != n {
				t.Fatal("last is not what next has returned")
			}
			seen[n]++
			values[turns.last(i%4, math.MaxInt)] = true
		}
	}
	if slices.Min(seen) < 40 || slices.Max(seen) > 140 {
		t.Errorf("uneven: %v", seen)
	}
	if len(values) != 4000 {
		t.Errorf("%d different values in 4000", len(values))
	}
}

func TestSeed_StoresWhatIsMissing(t *testing.T) {
	var stored int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Documents []struct{ N int } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		var ids []string
		for _, d := range body.Documents {
			if d.N != stored {
				t.Errorf("document %d instead of %d", d.N, stored)
			}
			ids = append(ids, strconv.Itoa(stored))
			stored++
		}
		if err := json.NewEncoder(w).Encode(map[string][]string{"insertedIds": ids}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	s := &notes{store: &native{platform: &platform{URL: server.URL, App: "bench"}}}
	for _, count := range []int{1100, 1100, 1250} {
		if err := s.seed(t.Context(), count, 400); err != nil || stored != count || len(s.ids) != count || s.ids[count-1] != strconv.Itoa(count-1) {
			t.Fatalf("%d of %d documents, %v", stored, count, err)
		}
	}
}

func TestChosen_LeavesWhatRunsAlone(t *testing.T) {
	names := func(text string) string {
		list, err := chosen(text)
		if err != nil {
			return err.Error()
		}
		var all []string
		for _, m := range list {
			all = append(all, m.name)
		}
		return strings.Join(all, " ")
	}
	for text, want := range map[string]string{
		"": "invoke cold reads documents admin dialects frameworks release publish kills bundles", "growth,invoke": "invoke growth", "peer": `-only: there is no measurement "peer"`,
	} {
		if got := names(text); got != want {
			t.Errorf("%q chose %q", text, got)
		}
	}
	var c counts
	if err := c.Set("1,20"); err != nil || c.String() != "1,20" {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"", "0", "1,,2", "x"} {
		if err := c.Set(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPlot_IsAnImage(t *testing.T) {
	image := plot("documents", []panel{
		{title: "cost & more", series: []series{{"a<b", []point{{1e4, 20}, {1e5, 30}, {1e6, 0}}}, {"flat", []point{{1e4, 100}}}}},
		{title: "nothing"},
		{title: "of time", linear: true, series: []series{{"zero too", []point{{0, 0}, {7, 34}}}}},
	})
	circles, words := 0, ""
	for d := xml.NewDecoder(strings.NewReader(string(image))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, image)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "circle" {
				circles++
			}
		case xml.CharData:
			words += string(token)
		}
	}
	if circles != 5 { // a value of 0 has no place on a logarithmic axis
		t.Errorf("%d points", circles)
	}
	for _, word := range []string{"a<b", "cost & more", "documents", "10 k", "100 k", "40", "7"} {
		if !strings.Contains(words, word) {
			t.Errorf("no %q in the image", word)
		}
	}
	if strings.Contains(string(image), "NaN") || strings.Contains(string(image), "Inf") {
		t.Error(string(image))
	}
}
