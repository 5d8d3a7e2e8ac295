package node

import (
	"strconv"
	"time"
	"unicode/utf8"

	"yunduo/functions/runtime"
)

// appendMeta appends what function code learns about its invocation, beyond what the process knows of the function:
// a JSON object with requestId, invocationId, source, traceparent and env (if there are), deadline (Unix milliseconds) and, as the
// last one, caller. It is written by hand because every invocation pays for it.
func appendMeta(dst []byte, inv *runtime.Invocation, deadline time.Time) []byte {
	c := &inv.Caller
	dst = append(dst, `{"requestId":`...)
	dst = appendText(dst, inv.RequestID)
	dst = append(dst, `,"invocationId":`...)
	dst = appendText(dst, inv.ID)
	dst = append(dst, `,"source":`...)
	dst = appendText(dst, inv.Source)
	if inv.TraceParent != "" {
		dst = append(dst, `,"traceparent":`...)
		dst = appendText(dst, inv.TraceParent)
	}
	if len(inv.Env) > 0 {
		dst = appendEnv(append(dst, `,"env":`...), inv.Env)
	}
	dst = append(dst, `,"deadline":`...)
	dst = strconv.AppendInt(dst, deadline.UnixMilli(), 10)
	dst = append(dst, `,"caller":{`...)
	if c.Provider == "anonymous" {
		dst = append(dst, `"isAnonymous":true,`...)
	}
	for _, member := range [...]struct{ name, value string }{
		{`"openId":`, c.OpenID}, {`"unionId":`, c.UnionID}, {`"appId":`, c.WeChatAppID}, {`"userId":`, c.UserID},
		{`"username":`, c.Username}, {`"provider":`, c.Provider}, {`"clientIp":`, c.ClientIP},
	} {
		if member.value != "" {
			dst = append(dst, member.name...)
			dst = appendText(dst, member.value)
			dst = append(dst, ',')
		}
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}', '}')
}

func appendEnv(dst []byte, env map[string]string) []byte {
	dst = append(dst, '{')
	for name, value := range env {
		dst = appendText(dst, name)
		dst = append(dst, ':')
		dst = appendText(dst, value)
		dst = append(dst, ',')
	}
	dst[len(dst)-1] = '}'
	return dst
}

const hexDigits = "0123456789abcdef"

// appendText appends a JSON string. Bytes that are no UTF-8 become the replacement character, as in encoding/json.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(text[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return append(dst, '"')
}
