package cli

import (
	"berth/internal/status"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newVerifyCmd(env *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Do what people do, and show which part fails",
		Long: `Request the sign-in page, and searches through each of Sourcegraph's search services, with the time of each. Check whether uploads of code
intelligence are processed. Nothing is changed. Exit code 1: a part fails. In a new installation, the first search with a result is noted.

Where searches need a sign-in, put an access token of Sourcegraph into the variable SRC_ACCESS_TOKEN. In a cluster, berth then asks at the
address of the config, as people do; without a token it asks through the API server.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := env.usable(env.LoadReferring(file))
			if err != nil {
				return err
			}
			i, err := env.open(cmd.Context(), w)
			if err != nil {
				return err
			}
			defer i.Close()
			v, err := status.Verify(cmd.Context(), &env.Environment, i)
			if err != nil {
				return err
			}
			if err := env.give(v, func() { view.Verification(env.Stdout, v) }); err != nil {
				return err
			}
			env.sayFirstSearch(cmd.Context(), i)
			if v.Works() {
				return nil
			}
			return exit(ExitError)
		},
	}
	insideFlags(env, cmd, &file)
	return cmd
}
