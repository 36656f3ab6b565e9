// Argo CD's own health engine on objects of ours.
//
// It reads a JSON array of objects and prints a JSON array of {"status", "message"}:
//
//	argocd-health SCRIPT.lua
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: argocd-health SCRIPT.lua")
	}
	script, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	var contents []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&contents); err != nil {
		return err
	}
	verdicts := make([]verdict, len(contents))
	for index, content := range contents {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(content); err != nil {
			return err
		}
		health, err := lua.VM{}.ExecuteHealthLua(object, string(script))
		if err != nil {
			return err
		}
		verdicts[index] = verdict{string(health.Status), health.Message}
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}
