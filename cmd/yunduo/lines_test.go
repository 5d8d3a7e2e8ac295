package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

func TestWithLines(t *testing.T) {
	failed := &yunduo.Error{Reason: yunduo.ReasonFunctionError, Message: "no stock", Stack: "Error: no stock\n    at take (stock.js:7:9)\n    at exports.main (index.js:8:25)"}
	require.Equal(t, "no stock\n    at take (stock.js:7:9)\n    at exports.main (index.js:8:25)", withLines(failed))
	require.Equal(t, "no stock", withLines(&yunduo.Error{Reason: yunduo.ReasonFunctionError, Message: "no stock"}))
	require.Equal(t, "it fails", withLines(errors.New("it fails")))
}
