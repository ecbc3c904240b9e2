package main

import (
	"io"
	"net"
	"os/exec"
	"runtime/trace"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A timer is a file of the system that becomes readable when it is due. It is read as a blocking
// call would read: past the netpoller.
type timer int

func newTimer() timer {
	const clockMonotonic = 1
	fd, _, errno := syscall.RawSyscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_CLOEXEC, 0)
	if errno != 0 {
		fail(errno)
	}
	return timer(fd)
}

// wait arms it and reads it: the thread is in the system until the time is over.
func (t timer) wait(d time.Duration) {
	var spec struct{ interval, value syscall.Timespec }
	spec.value = syscall.NsecToTimespec(d.Nanoseconds())
	_, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(t), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		fail(errno)
	}
	var expired [8]byte
	for {
		n, err := syscall.Read(int(t), expired[:])
		if n == len(expired) {
			break
		}
		// A signal may break it off, as preemption does.
		if err != syscall.EINTR {
			fail(err)
		}
	}
	check(expired == [8]byte{1}, "it was armed once")
}

func (t timer) close() {
	if err := syscall.Close(int(t)); err != nil {
		fail(err)
	}
}

// echo is the server; the client is a process of its own.
func echo(connections int) []figure {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	go serve(listener)

	duration := "2000"
	if *quick {
		duration = "300"
	}
	before := cpuTime()
	out, err := exec.Command(*client, "client", listener.Addr().String(), strconv.Itoa(connections), duration).Output()
	if err != nil {
		fail(err)
	}
	used := cpuTime() - before
	fields := strings.Fields(string(out))
	numbers := make([]float64, len(fields))
	for i, field := range fields {
		if numbers[i], err = strconv.ParseFloat(field, 64); err != nil {
			fail(err)
		}
	}
	check(len(numbers) == 4, "what the client prints")
	return []figure{
		{"req/s", numbers[0]},
		{"p50 us", numbers[1]},
		{"p99 us", numbers[2]},
		{"cpu us", used.Seconds() * 1e6 / numbers[3]},
	}
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go func() {
			defer conn.Close()
			var buffer [4096]byte
			for {
				n, err := conn.Read(buffer[:])
				if err != nil {
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// cpuTime is the processor time this process used, without its children.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// tracing does the same work with the execution trace on and off, in turn. Bytes for each event are
// not given: only a parser could tell how many there were.
func tracing(work func() float64) []figure {
	const rounds = 3
	var off, on []float64
	for i := 0; i < rounds; i++ {
		off = append(off, work())
		if err := trace.Start(io.Discard); err != nil {
			fail(err)
		}
		on = append(on, work())
		trace.Stop()
	}
	o, t := median(off), median(on)
	return []figure{{"off ns", o}, {"on ns", t}, {"on/off", t / o}}
}
