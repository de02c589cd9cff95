package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// provisioner is the name that storage classes of ours have, and the mark on volumes that we made.
const (
	provisioner = "berth.testbed/local-path"
	provisioned = "pv.kubernetes.io/provisioned-by"
	chosenNode  = "volume.kubernetes.io/selected-node"
)

// provision gives every claim of a class of ours a folder once the scheduler has chosen a node, makes the volume larger when the claim
// asks for more, and removes the folder of a released volume. A folder belongs to root with mode 0755, as a new disk of a cloud does;
// who runs as another user needs fsGroup. Nothing keeps a pod from writing more than it asked for.
func provision(kubeconfig, root string) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS, cfg.Burst = 100, 200
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	for ; ; time.Sleep(250 * time.Millisecond) {
		if err := pass(context.Background(), client, root); err != nil {
			fmt.Fprintln(os.Stderr, "local-path:", err)
		}
	}
}

// cached reads what the API server has in memory: a pass four times a second costs etcd nothing.
var cached = metav1.ListOptions{ResourceVersion: "0"}

func pass(ctx context.Context, client kubernetes.Interface, root string) error {
	classes, err := client.StorageV1().StorageClasses().List(ctx, cached)
	if err != nil {
		return err
	}
	ours := map[string]storagev1.StorageClass{}
	for _, class := range classes.Items {
		if class.Provisioner == provisioner {
			ours[class.Name] = class
		}
	}
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, cached)
	if err != nil {
		return err
	}
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, cached)
	if err != nil {
		return err
	}
	byName := map[string]corev1.PersistentVolume{}
	var problems error
	for _, v := range volumes.Items {
		if v.Annotations[provisioned] == provisioner {
			byName[v.Name] = v
			problems = errors.Join(problems, remove(ctx, client, root, v))
		}
	}
	for _, c := range claims.Items {
		if v, ok := byName[c.Spec.VolumeName]; ok {
			problems = errors.Join(problems, grow(ctx, client, v, c))
			continue
		}
		if c.Spec.StorageClassName == nil || c.Spec.VolumeName != "" || c.Annotations[chosenNode] == "" {
			continue
		}
		if _, made := byName["pvc-"+string(c.UID)]; made {
			continue
		}
		if class, ok := ours[*c.Spec.StorageClassName]; ok && c.DeletionTimestamp == nil {
			problems = errors.Join(problems, create(ctx, client, root, class, c))
		}
	}
	return problems
}

func create(ctx context.Context, client kubernetes.Interface, root string, class storagev1.StorageClass, c corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(c.UID)
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	onNode := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{c.Annotations[chosenNode]}}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisioned: provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: c.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   c.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              class.Name,
			VolumeMode:                    c.Spec.VolumeMode,
			// A local volume, other than a host path, honours fsGroup as a disk does.
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: dir}},
			ClaimRef:               &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: c.Namespace, Name: c.Name, UID: c.UID},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{onNode}}},
			}},
		},
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create volume %s: %w", name, err)
	}
	return nil
}

// grow follows a claim that asks for more than its volume has: first the volume, then what the claim says.
func grow(ctx context.Context, client kubernetes.Interface, v corev1.PersistentVolume, c corev1.PersistentVolumeClaim) error {
	want := c.Spec.Resources.Requests[corev1.ResourceStorage]
	size := corev1.ResourceList{corev1.ResourceStorage: want}
	if v.Spec.Capacity.Storage().Cmp(want) < 0 {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"capacity": size}})
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().PersistentVolumes().Patch(ctx, v.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("grow volume %s: %w", v.Name, err)
		}
	}
	if c.Status.Phase == corev1.ClaimBound && c.Status.Capacity.Storage().Cmp(want) < 0 {
		patch, err := json.Marshal(map[string]any{"status": map[string]any{"capacity": size, "conditions": nil}})
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().PersistentVolumeClaims(c.Namespace).Patch(ctx, c.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			return fmt.Errorf("grow claim %s/%s: %w", c.Namespace, c.Name, err)
		}
	}
	return nil
}

func remove(ctx context.Context, client kubernetes.Interface, root string, v corev1.PersistentVolume) error {
	if v.Status.Phase != corev1.VolumeReleased || v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || v.DeletionTimestamp != nil {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(root, v.Name)); err != nil {
		return err
	}
	if err := client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete volume %s: %w", v.Name, err)
	}
	return nil
}
