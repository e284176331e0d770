using System.Text.Json;
using Registry.Host.Cli;
using Registry.Host.Tests.Api;
using Registry.Messages;

namespace Registry.Host.Tests.Cli;

public sealed class CloseTubesTests : IAsyncLifetime
{
    private ScriptedGateway gateway = null!;

    public async Task InitializeAsync()
    {
        gateway = await ScriptedGateway.StartAsync();
        Add("a1", "node-1", TubeState.Ready, "anna", "db.example:5432");
        Add("a2", "node-2", TubeState.Connecting, "anna", "[fd00::1]:22");
        Add("b1", "node-1", TubeState.Ready, "ben", "db.example:22");
        Add("c1", "node-2", TubeState.Ready, null, null);
        gateway.Registry.Answer = command =>
        {
            lock (gateway.Registry.Tubes)
                gateway.Registry.Tubes.Remove(((CloseTube)command).TubeId);
            return Task.FromResult<RegistryReply>(Done.Instance);
        };
    }

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Theory]
    [InlineData("c1", "a1 c1")]
    [InlineData("--owner anna", "b1 c1")]
    [InlineData("--node node-1", "a2 c1")]
    [InlineData("--state ready", "a2")]
    [InlineData("--target db.example", "a2 c1")]
    [InlineData("--target DB.example:22", "a1 a2 c1")]
    [InlineData("--target fd00::1", "a1 b1 c1")]
    [InlineData("--filter A1", "a2 b1 c1")]
    [InlineData("--owner anna --node node-1", "a2 b1 c1")]
    [InlineData("--all --yes", "")]
    public async Task It_closes_those_that_are_meant_and_says_how_many(string options, string left)
    {
        if (options == "c1")
            options = "a2 b1";

        var (code, output, error) = await RunAsync(null, options);

        code.ShouldBe(0, error);
        var count = 4 - left.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        output.Trim().ShouldBe($"Closed {count} {(count == 1 ? "tube" : "tubes")}.");
        gateway.Registry.Tubes.Keys.Select(id => id.ToString()).Order(StringComparer.Ordinal).ShouldBe(left.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task What_matches_no_tube_is_said_and_ends_with_0()
    {
        (await RunAsync(null, "--owner nobody --target typo")).ShouldBe((0, $"No tube matched --owner 'nobody' --target 'typo': nothing was closed.{Environment.NewLine}", ""));
        (await RunAsync(null, "--owner nobody --json")).Output.ShouldContain("\"closed\":0");
        gateway.Registry.Tubes.Count.ShouldBe(4);
        gateway.Registry.Tubes.Clear();
        (await RunAsync(null, "--all --yes")).ShouldBe((0, $"There is no tube to close.{Environment.NewLine}", ""));
    }

    [Fact]
    public async Task A_node_that_there_is_not_is_named()
    {
        var (code, output, error) = await RunAsync(null, "--node nowhere");
        code.ShouldBe((int)ExitCode.Refused, output);
        error.ShouldStartWith("registry: There is no node 'nowhere'. The nodes are ");
    }

    [Fact]
    public async Task A_node_that_was_lost_is_named_as_that()
    {
        gateway.Registry.IncompleteNodes = ["gone"];
        string[] asked = ["--gateway", gateway.Url.ToString()];

        var (code, _, error) = await Commands.RunAsync(["tubes", "ls", "--state", "closed", "--node", "gone", .. asked]);
        code.ShouldBe(0, error);
        error.ShouldMatch("^registry: the list lacks tubes of these nodes, .* were lost: gone$");
        (code, _, error) = await Commands.RunAsync(["tubes", "show", "11111111-2222-3333-4444-555555555555", .. asked]);
        code.ShouldBe((int)ExitCode.Refused);
        error.ShouldMatch("^registry: There is no tube .* Its node may be one of those that were lost or do not answer; their audit tells of their tubes: gone\\.$");
    }

    [Fact]
    public async Task All_tubes_are_closed_only_after_a_yes()
    {
        var (code, _, error) = await RunAsync(new StringReader("n\n"), "--all");
        code.ShouldBe((int)ExitCode.Refused);
        error.ShouldContain("Close 4 tubes");
        error.ShouldContain("Nothing was closed");
        (code, _, error) = await RunAsync(new StringReader(""), "--all");
        code.ShouldBe((int)ExitCode.Refused, error);
        (code, _, error) = await RunAsync(null, "--all");
        code.ShouldBe((int)ExitCode.Usage, "nobody can be asked here");
        error.ShouldContain("--yes");
        gateway.Registry.Tubes.Count.ShouldBe(4);

        (await RunAsync(new StringReader("y\n"), "--all")).Code.ShouldBe(0);

        gateway.Registry.Tubes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("a1 --all --yes")]
    [InlineData("a1 --owner anna")]
    [InlineData("--all --owner anna --yes")]
    public async Task What_is_not_clear_is_refused(string options)
    {
        (await RunAsync(null, options)).Code.ShouldBe((int)ExitCode.Usage);
        gateway.Registry.Tubes.Count.ShouldBe(4);
    }

    [Theory]
    [InlineData("--filter", "")]
    [InlineData("--filter=", null)]
    [InlineData("--state", "")]
    [InlineData("--owner", "")]
    [InlineData("--target", "")]
    [InlineData("--node", "")]
    public async Task An_option_that_is_empty_does_not_mean_every_tube(string option, string? value)
    {
        string[] arguments = ["tubes", "close", option, .. value is null ? Array.Empty<string>() : [value], "--gateway", gateway.Url.ToString()];
        var (code, _, error) = await Commands.RunAsync(arguments);
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain(option.TrimEnd('='));
        gateway.Registry.Tubes.Count.ShouldBe(4);
    }

    [Fact]
    public async Task One_that_cannot_be_closed_is_named_and_the_others_are_closed()
    {
        var close = gateway.Registry.Answer;
        gateway.Registry.Answer = command => ((CloseTube)command).TubeId.ToString() == "a1"
            ? Task.FromResult<RegistryReply>(new Refused(RefusalCode.NodeUnreachable, "The node does not answer."))
            : close(command);

        var (code, output, error) = await RunAsync(null, "--owner anna --json");

        code.ShouldBe((int)ExitCode.Refused);
        var said = JsonDocument.Parse(output).RootElement;
        said.GetProperty("closed").GetInt32().ShouldBe(1);
        said.GetProperty("failed").EnumerateArray().ShouldHaveSingleItem().GetProperty("tubeId").GetString().ShouldBe("a1");
        error.ShouldContain("a1 was not closed");
        (_, output, error) = await RunAsync(null, "a1");
        (output, error).ShouldBe(("", $"registry: a1 was not closed: The gateway {gateway.Url} refused: The node does not answer. (node_unreachable){Environment.NewLine}"));
    }

    private void Add(string id, string node, TubeState state, string? owner, string? target) =>
        gateway.Registry.Tubes[new(id)] = new(new(id), node, state) { Owner = owner, Conversations = [new(new($"conversation-{id[^1]}"), target is null ? "echo" : "tunnel", true) { Target = target }] };

    private Task<(int Code, string Output, string Error)> RunAsync(TextReader? input, string options) =>
        Commands.RunAsync(input, ["tubes", "close", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--gateway", gateway.Url.ToString()]);
}
