package main

import (
	"context"
	"fmt"
	"io"

	"yunduo/auth"
)

var (
	codeText = text{"Verification code %s for %s", "验证码 %s，发往 %s"}
	linkText = text{"Token %s of a link for %s (%s)", "链接令牌 %s，发往 %s（%s）"}
)

// printedCodes shows verification codes and the tokens of links on the terminal, where nothing else would send them.
func printedCodes(l language, out io.Writer) auth.Sender {
	return auth.SenderFunc(func(_ context.Context, code auth.Code) error {
		line := l.say(codeText, code.Code, code.To)
		if code.Token != "" {
			line = l.say(linkText, code.Token, code.To, code.Usage)
		}
		_, err := fmt.Fprintln(out, line)
		return err
	})
}
