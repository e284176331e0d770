using System.Text.Json;
using Registry.Host.Cli;
using Registry.Host.Tests.Api;
using Registry.Messages;

namespace Registry.Host.Tests.Cli;

public sealed class DrainCommandTests : IAsyncLifetime
{
    private ScriptedGateway gateway = null!;

    public async Task InitializeAsync()
    {
        gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Reply = new CapacityRead(new() { IsDraining = true, Tubes = 3 });
    }

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("1.5m", 90_000)]
    [InlineData("24h", 86_400_000)]
    public async Task It_asks_for_the_deadline_and_prints_what_is_left(string deadline, int milliseconds)
    {
        var (code, output, _) = await RunAsync("--deadline", deadline, "--until-at-most", "2");

        code.ShouldBe(0);
        output.ShouldContain("3 tubes left");
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new DrainNode { Deadline = TimeSpan.FromMilliseconds(milliseconds), UntilAtMost = 2 });
    }

    [Fact]
    public async Task For_programs_it_prints_the_capacity()
    {
        var (_, output, _) = await RunAsync("--json");

        JsonDocument.Parse(output).RootElement.GetProperty("tubes").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task It_puts_a_gateway_back_into_service()
    {
        gateway.Registry.Reply = new CapacityRead(new() { Tubes = 3 });

        (await RunAsync("--resume")).Output.ShouldContain("In service");

        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(ResumeNode.Instance);
    }

    [Fact]
    public async Task It_waits_until_few_enough_are_left_and_says_how_it_goes()
    {
        gateway.Registry.Capacity = new() { IsDraining = true, Tubes = 1 };

        var (code, output, error) = await RunAsync("--wait", "--until-at-most", "1");

        code.ShouldBe(0);
        output.ShouldContain("1 tube left");
        error.ShouldContain("3 tubes left");
    }

    [Fact]
    public async Task Waiting_for_a_gateway_that_somebody_put_back_into_service_fails()
    {
        gateway.Registry.Capacity = new() { Tubes = 2 };

        var (code, _, error) = await RunAsync("--wait");

        code.ShouldBe((int)ExitCode.Failed);
        error.ShouldContain("back into service");
    }

    [Theory]
    [InlineData("--deadline", "soon")]
    [InlineData("--deadline", "0s")]
    [InlineData("--deadline", "25h")]
    [InlineData("--deadline", "30")]
    [InlineData("--resume", "--wait")]
    public async Task Wrong_options_end_with_2_and_are_named(params string[] options)
    {
        var (code, _, error) = await RunAsync(options);

        code.ShouldBe((int)ExitCode.Usage, error);
        error.ShouldContain(options[0]);
        gateway.Registry.Commands.ShouldBeEmpty();
    }

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] options) => Commands.RunAsync(["drain", .. options, "--gateway", gateway.Url.ToString()]);
}
