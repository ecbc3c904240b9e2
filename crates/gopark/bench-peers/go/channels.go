package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func skynet() []figure {
	leaves := size(1_000_000)
	start := time.Now()
	c := make(chan int)
	go node(c, 0, leaves)
	sum := <-c
	all := ms(start)
	check(sum == leaves*(leaves-1)/2, "the sum")
	return []figure{{"ms", all}}
}

func node(up chan<- int, first, leaves int) {
	if leaves == 1 {
		up <- first
		return
	}
	c := make(chan int)
	for child := 0; child < 10; child++ {
		go node(c, first+child*leaves/10, leaves/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-c
	}
	up <- sum
}

func fib() []figure {
	n, right := 30, 832_040
	if *quick {
		n, right = 25, 75_025
	}
	start := time.Now()
	check(fibOf(n) == right, "the number")
	return []figure{{"ms", ms(start)}}
}

func fibOf(n int) int {
	if n < 2 {
		return n
	}
	c := make(chan int, 1)
	go func() { c <- fibOf(n - 1) }()
	return fibOf(n-2) + <-c
}

func pingPong() float64 {
	trips := size(1_000_000)
	ping, pong := make(chan int), make(chan int)
	go func() {
		for n := range ping {
			pong <- n + 1
		}
	}()
	start := time.Now()
	for n := 0; n < trips; n++ {
		ping <- n
		check(<-pong == n+1, "the answer")
	}
	found := ns(start, trips)
	close(ping)
	return found
}

func chan11() []figure {
	messages := size(4_000_000)
	c := make(chan int, 128)
	start := time.Now()
	go func() {
		for n := 0; n < messages; n++ {
			c <- n
		}
		close(c)
	}()
	sum := 0
	for n := range c {
		sum += n
	}
	found := ns(start, messages)
	check(sum == messages*(messages-1)/2, "the sum")
	return []figure{{"ns", found}}
}

func chan44() []figure {
	const ends = 4
	messages := size(4_000_000)
	c := make(chan int, 128)
	var sent, received sync.WaitGroup
	sent.Add(ends)
	received.Add(ends)
	var sum atomic.Int64
	start := time.Now()
	for i := 0; i < ends; i++ {
		go func() {
			mine := 0
			for n := range c {
				mine += n
			}
			sum.Add(int64(mine))
			received.Done()
		}()
	}
	for i := 0; i < ends; i++ {
		producer := i
		go func() {
			for n := producer; n < messages; n += ends {
				c <- n
			}
			sent.Done()
		}()
	}
	sent.Wait()
	close(c)
	received.Wait()
	found := ns(start, messages)
	check(int(sum.Load()) == messages*(messages-1)/2, "the sum")
	return []figure{{"ns", found}}
}

func parked(full int) []figure {
	tasks := size(full)
	c := make(chan int)
	var wg sync.WaitGroup
	wg.Add(tasks)
	var arrived atomic.Int64
	before := resident()
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			arrived.Add(1)
			_, open := <-c
			check(!open, "nothing is ever sent")
			wg.Done()
		}()
	}
	for int(arrived.Load()) < tasks {
		runtime.Gosched()
	}
	create := ms(start)
	bytes := (resident() - before) / float64(tasks)
	start = time.Now()
	close(c)
	wg.Wait()
	return []figure{{"bytes", bytes}, {"create ms", create}, {"wake ms", ms(start)}}
}

func sieve() []figure {
	primes, right := 2000, 17_389
	if *quick {
		primes, right = 200, 1223
	}
	start := time.Now()
	c := make(chan int)
	go func(to chan<- int) {
		for n := 2; ; n++ {
			to <- n
		}
	}(c)
	prime := 0
	for i := 0; i < primes; i++ {
		prime = <-c
		next := make(chan int)
		go func(from <-chan int, to chan<- int, prime int) {
			for n := range from {
				if n%prime != 0 {
					to <- n
				}
			}
		}(c, next, prime)
		c = next
	}
	all := ms(start)
	check(prime == right, "the prime")
	return []figure{{"ms", all}}
}
