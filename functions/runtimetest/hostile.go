package runtimetest

import "testing"

func testHostile(*testing.T, *bench) {}
