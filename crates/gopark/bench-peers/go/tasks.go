package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func spawn() float64 {
	const batch = 1000
	batches := size(1000)
	start := time.Now()
	for i := 0; i < batches; i++ {
		var wg sync.WaitGroup
		wg.Add(batch)
		for j := 0; j < batch; j++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	return ns(start, batches*batch)
}

func yields(tasks int) float64 {
	yields := size(1_000_000)
	var wg sync.WaitGroup
	wg.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < yields/tasks; j++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return ns(start, yields)
}

func mutex() []figure {
	const tasks = 8
	each := size(1_000_000)
	var (
		mu    sync.Mutex
		count int
		wg    sync.WaitGroup
	)
	wg.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < each; j++ {
				mu.Lock()
				count++
				mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	found := ns(start, tasks*each)
	check(count == tasks*each, "the count")
	return []figure{{"ns", found}}
}

func timers() []figure {
	tasks := size(100_000)
	late := make([]float64, tasks)
	var wg sync.WaitGroup
	wg.Add(tasks)
	dice := newXorshift()
	start := time.Now()
	for i := 0; i < tasks; i++ {
		n := i
		asked := time.Duration(1+dice.next()%100) * time.Millisecond
		go func() {
			asleep := time.Now()
			time.Sleep(asked)
			late[n] = inMs(time.Since(asleep) - asked)
			wg.Done()
		}()
	}
	wg.Wait()
	all := ms(start)
	for _, l := range late {
		check(l >= 0, "nobody wakes before the time")
	}
	return []figure{
		{"ms", all},
		{"late p50 ms", percentile(late, 0.5)},
		{"late p99 ms", percentile(late, 0.99)},
	}
}

// stop says that those who compute without end may stop.
var stop atomic.Bool

// computed keeps what they computed from being optimised away.
var computed atomic.Uint64

// computeWithoutEnd is an endless loop without a call.
func computeWithoutEnd() {
	n := uint64(0)
	for !stop.Load() {
		n = n*6_364_136_223_846_793_005 + 1
	}
	computed.Store(n)
}

func hog() []figure {
	const nap = time.Millisecond
	var hogging sync.WaitGroup
	hogging.Add(1)
	go func() {
		computeWithoutEnd()
		hogging.Done()
	}()
	naps := size(300)
	late := make([]float64, 0, naps)
	for i := 0; i < naps; i++ {
		start := time.Now()
		time.Sleep(nap)
		late = append(late, inMs(time.Since(start)-nap))
	}
	stop.Store(true)
	hogging.Wait()
	return []figure{
		{"late p50 ms", percentile(late, 0.5)},
		{"late p99 ms", percentile(late, 0.99)},
	}
}

func blocking(hogs int) []figure {
	const tasks = 64
	reads := size(200)
	var hogging, wg sync.WaitGroup
	hogging.Add(hogs)
	for i := 0; i < hogs; i++ {
		go func() {
			computeWithoutEnd()
			hogging.Done()
		}()
	}
	wg.Add(tasks)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			timer := newTimer()
			for j := 0; j < reads; j++ {
				timer.wait(time.Millisecond)
			}
			timer.close()
			wg.Done()
		}()
	}
	wg.Wait()
	all := ms(start)
	stop.Store(true)
	hogging.Wait()
	return []figure{{"ms", all}}
}
