using Registry.Host.Cli;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Stacks;

/// <summary>A build without SIPSorcery, as the default one is.</summary>
public sealed class MissingStackTests
{
    private const string Chosen = "registry.webrtc.stack = sipsorcery";

    [Theory]
    [InlineData("serve", "--http", "http://127.0.0.1:0")]
    [InlineData("serve", "--http", "http://127.0.0.1:0", "--udp-port", "20000")]
    [InlineData("check-config")]
    [InlineData("ports")]
    public async Task A_stack_that_is_not_in_the_build_is_refused_with_the_flag_that_puts_it_there(params string[] command)
    {
        var (code, output, error) = await RunAsync([.. command, "--set", Chosen]);

        code.ShouldBe((int)ExitCode.Usage);
        output.ShouldBe("");
        error.ShouldContain("registry.webrtc.stack = sipsorcery: this build has no SIPSorcery");
        error.ShouldContain("-p:WithSipSorcery=true");
        error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1, error);
    }
}
