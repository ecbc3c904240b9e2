// The Go half of bench-peers: one workload, one line, as `bench-peers one` prints it.
// The workloads are those of ../src/stackful.rs, line by line.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A figure is one thing a workload found out.
type figure struct {
	name  string
	value float64
}

var (
	quick  = flag.Bool("quick", false, "a tenth of the work")
	client = flag.String("client", "", "the program that is the client of echo")
)

// workloads are all but those of echo, whose names end in a number.
var workloads = map[string]func() []figure{
	"spawn":              func() []figure { return []figure{{"ns", spawn()}} },
	"skynet":             skynet,
	"fib":                fib,
	"yield-2":            func() []figure { return []figure{{"ns", yields(2)}} },
	"yield-1000":         func() []figure { return []figure{{"ns", yields(1000)}} },
	"ping-pong":          func() []figure { return []figure{{"ns", pingPong()}} },
	"chan-1-1":           chan11,
	"chan-4-4":           chan44,
	"mutex":              mutex,
	"timers":             timers,
	"parked":             func() []figure { return parked(100_000) },
	"parked-1m":          func() []figure { return parked(1_000_000) },
	"blocking":           func() []figure { return blocking(0) },
	"blocking-hogs":      func() []figure { return blocking(2) },
	"hog":                hog,
	"sieve":              sieve,
	"tracing-spawn":      func() []figure { return tracing(spawn) },
	"tracing-yield-1000": func() []figure { return tracing(func() float64 { return yields(1000) }) },
	"tracing-ping-pong":  func() []figure { return tracing(pingPong) },
}

func main() {
	flag.Parse()
	if flag.NArg() != 3 {
		fail("usage: bench-peers-go [-quick] [-client PROGRAM] WORKLOAD RUNTIME PROCS")
	}
	name, peer := flag.Arg(0), flag.Arg(1)
	procs, err := strconv.Atoi(flag.Arg(2))
	if err != nil {
		fail(err)
	}
	runtime.GOMAXPROCS(procs)
	work := workloads[name]
	if strings.HasPrefix(name, "echo-") {
		connections, err := strconv.Atoi(strings.TrimPrefix(name, "echo-"))
		if err != nil {
			fail(err)
		}
		work = func() []figure { return echo(connections) }
	}
	if work == nil {
		fmt.Fprintln(os.Stderr, "bench-peers-go: go does not run", name)
		os.Exit(3)
	}
	line := fmt.Sprintf("%s\t%s\t%d", name, peer, procs)
	for _, f := range work() {
		line += fmt.Sprintf("\t%s=%v", f.name, f.value)
	}
	fmt.Println(line)
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "bench-peers-go:", why)
	os.Exit(1)
}

// check ends the program if a result is wrong.
func check(ok bool, what string) {
	if !ok {
		fail("wrong: " + what)
	}
}

// size is a count, or a tenth of it.
func size(full int) int {
	if *quick {
		return full / 10
	}
	return full
}

func ns(start time.Time, operations int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(operations)
}

func ms(start time.Time) float64 {
	return inMs(time.Since(start))
}

func inMs(d time.Duration) float64 {
	return d.Seconds() * 1e3
}

// percentile is the value that this share of all do not exceed.
func percentile(values []float64, share float64) float64 {
	sort.Float64s(values)
	at := int(math.Ceil(float64(len(values))*share)) - 1
	if at < 0 {
		at = 0
	}
	return values[at]
}

func median(values []float64) float64 {
	sort.Float64s(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// resident is how many bytes of this process lie in memory.
func resident() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		fail(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	if err != nil {
		fail(err)
	}
	return pages * float64(os.Getpagesize())
}

// xorshift is Marsaglia's, with the same numbers for every peer.
type xorshift uint64

func newXorshift() xorshift {
	return 0x9e37_79b9_7f4a_7c15
}

func (x *xorshift) next() uint64 {
	*x ^= *x << 13
	*x ^= *x >> 7
	*x ^= *x << 17
	return uint64(*x)
}
