package main

import (
	"context"
	"fmt"
	"io"

	"yunduo/auth"
)

var codeText = text{"Verification code %s for %s", "验证码 %s，发往 %s"}

// printedCodes shows verification codes on the terminal, where nothing else would send them.
func printedCodes(l language, out io.Writer) auth.Sender {
	return auth.SenderFunc(func(_ context.Context, code auth.Code) error {
		_, err := fmt.Fprintln(out, l.say(codeText, code.Code, code.To))
		return err
	})
}
