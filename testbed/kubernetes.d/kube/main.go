// Command kube is all of Kubernetes that a test cluster needs, in one program: etcd, the control plane, kubelet, kube-proxy, kubectl
// and a provisioner of local volumes. Its name, or its first argument, says which of them it is. What they share is linked once.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "kube" && len(os.Args) > 1 {
		name, os.Args = os.Args[1], os.Args[1:]
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kubectl":
		fail(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	case "local-path":
		if len(os.Args) != 3 {
			fail(fmt.Errorf("usage: kube local-path KUBECONFIG FOLDER"))
		}
		fail(provision(os.Args[1], os.Args[2]))
	default:
		command, ok := commands[name]
		if !ok {
			fail(fmt.Errorf("%s is none of etcd, kubectl, local-path, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy", name))
		}
		os.Exit(cli.Run(command()))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
