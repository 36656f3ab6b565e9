// Ask a model for a greeting, again and again, or once with --once.
//
// The client of OpenAI reads OPENAI_API_KEY and OPENAI_BASE_URL, and nothing in here knows where they come from.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/openai/openai-go/v3"
)

const pause = 5 * time.Second

func main() {
	client := openai.NewClient()
	question := openai.ChatCompletionNewParams{
		Model:    "gpt-5-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Greet me.")},
	}
	for {
		answer, err := client.Chat.Completions.New(context.Background(), question)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer.Choices[0].Message.Content)
		if slices.Contains(os.Args, "--once") {
			return
		}
		time.Sleep(pause)
	}
}
