package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestEveryTurnBeginsWithAnotherProxy(t *testing.T) {
	var order []int
	slice := func(i int) (round, error) {
		order = append(order, i)
		return round{MicrosPerRequest: float64(10*i + len(order))}, nil
	}
	all, err := takeTurns(3, 0, 2, slice)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeTurns(3, 2, 4, slice); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
	for i, want := range [][]float64{{1, 6}, {12, 14}, {23, 25}} {
		if got := figures(rows[0], all[i]); !slices.Equal(got, want) {
			t.Errorf("proxy %d has %v, want %v", i, got, want)
		}
	}
}

func TestAnErrorEndsTheTurns(t *testing.T) {
	broken, taken := errors.New("broken"), 0
	_, err := takeTurns(2, 0, 5, func(i int) (round, error) {
		taken++
		return round{}, map[int]error{1: broken}[i]
	})
	if !errors.Is(err, broken) || taken != 2 {
		t.Errorf("got %v after %d slices, want %v after 2", err, taken, broken)
	}
}

func TestOnlyRowsThatCanBePausedAreSliced(t *testing.T) {
	for _, r := range rows {
		if alone := strings.Contains(r.name, "idle") || r.name == "h1-64-paced"; r.sliced() == alone {
			t.Errorf("%s: sliced is %v", r.name, r.sliced())
		}
	}
}
