package functions

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"yunduo"
)

// cleanBody reads a body and takes out what is secret. more says that there was more of the exchange than is kept.
func cleanBody(from io.Reader, h http.Header, more bool, hide func(string) string) TapeBody {
	raw, err := io.ReadAll(from)
	switch {
	case more && (err != nil || len(raw) > 0): // the end of a reply without a size is that of what is kept
		return TapeBody{Left: leftLarge}
	case err != nil:
		return TapeBody{Left: leftCut}
	}
	body, err := expanded(raw, encodingOf(h))
	if err != nil {
		digest := sha256.Sum256(raw)
		return TapeBody{Left: err.Error(), Digest: hex.EncodeToString(digest[:])}
	}
	kind, parameters, _ := mime.ParseMediaType(h.Get("Content-Type"))
	clean, why := cleanText(body, kind, parameters["boundary"], hide)
	switch {
	case why != "":
		return TapeBody{Left: why}
	case utf8.ValidString(clean) && !strings.ContainsFunc(clean, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }):
		return TapeBody{Text: clean}
	}
	return TapeBody{Bytes: []byte(clean)}
}

// cleanText takes out what is secret by its name, as far as the kind of text tells what names are, and the secrets of the
// function. What has none stays as it is, to the byte.
func cleanText(body []byte, kind, boundary string, hide func(string) string) (clean, why string) {
	text := string(body)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
	case json.Valid(body): // whatever it is called
		return cleanJSON(text, hide), ""
	case kind == "text/event-stream" || kind == "application/x-ndjson" || kind == "application/jsonl":
		text = cleanLines(text, hide)
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return "", leftSecret
	case kind == "application/x-www-form-urlencoded":
		text = cleanPairs(text, hide)
	case kind == "multipart/form-data":
		if text, why = cleanParts(body, boundary); why != "" {
			return "", why
		}
	}
	return hide(text), ""
}

// secretsIn returns the values in text that cleanText would replace, as they are written and as they are read.
func secretsIn(body []byte, kind, boundary string) (values []string) {
	switch {
	case json.Valid(body):
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var v any
		if decoder.Decode(&v) == nil {
			values = secretMembers(v, false, nil)
		}
	case kind == "application/x-ndjson" || kind == "application/jsonl":
		for line := range bytes.Lines(body) {
			if json.Valid(line) {
				values = append(values, secretsIn(line, "", "")...)
			}
		}
	case kind == "application/x-www-form-urlencoded":
		values = secretPairs(string(body))
	case kind == "multipart/form-data":
		parts := multipart.NewReader(bytes.NewReader(body), boundary)
		for part, err := parts.NextRawPart(); err == nil; part, err = parts.NextRawPart() {
			if text, err := io.ReadAll(part); err == nil && secretName.MatchString(part.FormName()) {
				values = append(values, string(text))
			}
		}
	}
	return values
}

func secretMembers(v any, secret bool, values []string) []string {
	switch v := v.(type) {
	case string:
		if secret {
			values = append(values, v)
		}
	case json.Number:
		if secret {
			values = append(values, v.String())
		}
	case map[string]any:
		for name, value := range v {
			values = secretMembers(value, secret || secretName.MatchString(name), values)
		}
	case []any:
		for _, value := range v {
			values = secretMembers(value, secret, values)
		}
	}
	return values
}

func secretPairs(text string) (values []string) {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if !secretName.MatchString(name) {
			continue
		}
		values = append(values, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			values = append(values, plain)
		}
	}
	return values
}

// cleanJSON leaves text as it is that says nothing secret.
func cleanJSON(text string, hide func(string) string) string {
	if !tells(text, hide) {
		return text
	}
	return string(redactText(json.RawMessage(text), hide))
}

// tells reports whether anything in JSON text is to be hidden, also where a later member of the same name hides it from
// whoever reads the text.
func tells(text string, hide func(string) string) bool {
	const list, name, value = '[', 'n', 'v' // what is open, and which part of a member comes next
	var open []byte
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // digits stay as they are
	for {
		token, err := decoder.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		in := len(open) - 1
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, name)
				continue
			case '[':
				open = append(open, list)
				continue
			}
			open, in = open[:in], in-1
		case json.Number:
			if hide(t.String()) != t.String() {
				return true
			}
		case string:
			if hide(t) != t {
				return true
			}
			if in >= 0 && open[in] == name {
				if secretName.MatchString(t) {
					return true
				}
				open[in] = value
				continue
			}
		}
		if in >= 0 && open[in] == value {
			open[in] = name
		}
	}
}

// cleanLines does it with lines of JSON text, which events of a stream have behind a name.
func cleanLines(text string, hide func(string) string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		at := strings.IndexAny(line, "{[")
		if at < 0 {
			continue
		}
		if rest := strings.TrimRight(line[at:], "\r"); json.Valid([]byte(rest)) {
			lines[i] = line[:at] + cleanJSON(rest, hide) + line[at+len(rest):]
		}
	}
	return strings.Join(lines, "\n")
}

// cleanPairs does it with the pairs of a query or of a form.
func cleanPairs(text string, hide func(string) string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if secretName.MatchString(plain) {
			pairs[i] = name + "=" + redacted // as it is, so that it is the same where code repeats it
		} else if plain, err := url.QueryUnescape(value); err == nil && hide(plain) != plain {
			pairs[i] = name + "=" + url.QueryEscape(hide(plain))
		}
	}
	return strings.Join(pairs, "&")
}

// cleanURL does it with the query of an address, and with what stands behind its "#".
func cleanURL(address string, hide func(string) string) string {
	address, fragment, anchored := strings.Cut(address, "#")
	if path, query, ok := strings.Cut(address, "?"); ok {
		address = path + "?" + cleanPairs(query, hide)
	}
	if anchored {
		address += "#" + cleanPairs(fragment, hide)
	}
	if clean := hide(address); clean != address { // in the path
		return strings.ReplaceAll(clean, " ", "%20")
	}
	return address
}

func cleanHeaders(h http.Header, hide func(string) string) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			switch {
			case secretName.MatchString(name):
				value = redacted
			case name == "Location" || name == "Content-Location" || name == "Referer":
				value = cleanURL(value, hide)
			default:
				value = hide(value)
			}
			clean[name] = append(clean[name], value)
		}
	}
	return clean
}

// cleanParts does it with the parts of a form.
func cleanParts(body []byte, boundary string) (clean, why string) {
	const damaged = "its parts cannot be told apart"
	var out bytes.Buffer
	parts, w := multipart.NewReader(bytes.NewReader(body), boundary), multipart.NewWriter(&out)
	if w.SetBoundary(boundary) != nil {
		return "", damaged
	}
	changed := false
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", damaged
		}
		to, err := w.CreatePart(part.Header)
		if err != nil {
			return "", damaged
		}
		var from io.Reader = part
		if secretName.MatchString(part.FormName()) {
			from, changed = strings.NewReader(redacted), true
		}
		if _, err := io.Copy(to, from); err != nil {
			return "", damaged
		}
	}
	if !changed {
		return string(body), ""
	}
	if w.Close() != nil {
		return "", damaged
	}
	return out.String(), ""
}

// encodingOf returns how a body is compressed, by one name for each time.
func encodingOf(h http.Header) string { return strings.Join(h.Values("Content-Encoding"), ", ") }

// expanded undoes a compression, as far as what comes is not too large.
func expanded(body []byte, encoding string) ([]byte, error) {
	var from io.Reader
	var err error
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		from, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, fmt.Errorf("it is compressed as %s, which is not read here", encoding)
	}
	if len(body) == 0 { // such as that of HEAD
		return body, nil
	}
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(from, maxTapeBytes+1))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("it says that it is compressed as %s, and is not", encoding)
	case len(body) > maxTapeBytes:
		return nil, errors.New(leftLarge)
	}
	return body, nil
}

// compressed does it again.
func compressed(body []byte, encoding string) ([]byte, error) {
	var out bytes.Buffer
	var to io.WriteCloser
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		to = gzip.NewWriter(&out)
	case "deflate":
		to = zlib.NewWriter(&out)
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "headers: the content encoding %q is not known", encoding)
	}
	if _, err := to.Write(body); err != nil {
		return nil, err
	}
	return out.Bytes(), to.Close()
}
