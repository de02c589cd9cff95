# The formula of berth @VERSION@ for Homebrew: put it into the folder Formula of a tap.
class Berth < Formula
  desc "Runs self-hosted Sourcegraph on Docker Compose and Kubernetes"
  homepage "@URL@"
  version "@VERSION@"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "@URL@/berth_@VERSION@_darwin_arm64.tar.gz"
      sha256 "@DARWIN_ARM64@"
    end
    on_intel do
      url "@URL@/berth_@VERSION@_darwin_amd64.tar.gz"
      sha256 "@DARWIN_AMD64@"
    end
  end
  on_linux do
    on_arm do
      url "@URL@/berth_@VERSION@_linux_arm64.tar.gz"
      sha256 "@LINUX_ARM64@"
    end
    on_intel do
      url "@URL@/berth_@VERSION@_linux_amd64.tar.gz"
      sha256 "@LINUX_AMD64@"
    end
  end

  def install
    bin.install "berth"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/berth"
    zsh_completion.install "completions/_berth"
    fish_completion.install "completions/berth.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/berth version")
  end
end
