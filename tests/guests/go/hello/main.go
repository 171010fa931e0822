// Hello, files and time from Go.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	fmt.Println("hello", strings.Join(os.Args[1:], ","), os.Getenv("LANG"))
	must(os.MkdirAll("/data/a/b", 0o755))
	must(os.WriteFile("/data/a/b/f.txt", []byte("from go"), 0o644))
	data, err := os.ReadFile("/data/a/b/f.txt")
	must(err)
	fmt.Println(string(data))
	names, err := filepath.Glob("/data/a/*/*")
	must(err)
	fmt.Println(names)
	must(os.Rename("/data/a/b", "/data/c"))
	must(os.RemoveAll("/data/a"))
	_, err = os.Stat("/data/a")
	fmt.Println(os.IsNotExist(err))
	_, err = os.Open("/data/../etc/passwd")
	fmt.Println(err != nil)
	begun := time.Now()
	time.Sleep(20 * time.Millisecond)
	fmt.Println(time.Since(begun) >= 20*time.Millisecond)
	os.Exit(7)
}
