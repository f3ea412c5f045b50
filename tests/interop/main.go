// Other people's tools on our log, and our tools on a log of theirs; test_go.py says how.
package main

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func main() {
	url := flag.String("url", "", "prefix of the log to read")
	vkey := flag.String("vkey", "", "public key of the log")
	key := flag.String("key", "", "API key for entry bundles")
	older := flag.String("older", "", "file of an older checkpoint")
	until := flag.Int64("until", 0, "follow the log until it has so many records")
	witnesses := flag.String("witnesses", "", "vkeys of witnesses, with commas")
	directory := flag.String("make", "", "write a log into this directory instead")
	skey := flag.String("skey", "", "private key of the log to write")
	size := flag.Int64("size", 0, "records of the log to write")
	name := flag.String("witness", "witness.example/go", "name that cosigns it")
	seed := flag.String("seed", "", "seed of the witness, in hex")
	at := flag.Uint64("at", 0, "time of the cosignature")
	flag.Parse()
	if *directory != "" {
		secret, err := hex.DecodeString(*seed)
		fail(err)
		fail(makeLog(*directory, *skey, *size, *name, secret, *at))
		return
	}
	verifier, err := note.NewVerifier(*vkey)
	fail(err)
	r := &reader{base: strings.TrimSuffix(*url, "/"), key: *key, log: verifier}
	r.tiles = map[string][]byte{}
	r.seen.Cosigned = map[string]int64{}
	if *witnesses != "" {
		r.witnesses = strings.Split(*witnesses, ",")
	}
	tree, err := r.follow(tlog.Tree{}, *until)
	fail(err)
	if *older != "" {
		signed, err := os.ReadFile(*older)
		fail(err)
		before, err := r.parse(signed)
		fail(err)
		fail(r.cosignatures(before))
		fail(r.consistent(before.tree, tree))
	}
	for _, path := range flag.Args() {
		fail(r.proofFile(path))
	}
	fail(json.NewEncoder(os.Stdout).Encode(r.seen))
}
