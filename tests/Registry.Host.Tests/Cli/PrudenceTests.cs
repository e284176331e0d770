using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

/// <summary>What the command line refuses or warns of, so that secrets and gateways are not laid open by mistake.</summary>
public sealed class PrudenceTests : IDisposable
{
    private const string Planted = "planted-0123456789";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData($"registry.ice.shared-secret = {Planted}", "registry.ice.shared-secret")]
    [InlineData($"registry.ice.credential={Planted}", "registry.ice.credential")]
    [InlineData($"registry.ice {{ username = u, credential = {Planted} }}", "registry.ice.credential")]
    [InlineData($"registry.ice = {{ shared-secret = {Planted} }}", "registry.ice.shared-secret")]
    [InlineData($"registry.ice.credentials-url = \"https://relay.example/?key={Planted}\"", "registry.ice.credentials-url")]
    [InlineData($"registry.ice.credentials-url = \"https://user:{Planted}@relay.example/\"", "registry.ice.credentials-url")]
    [InlineData($"registry.telemetry.otlp-endpoint = \"https://user:{Planted}@traces.example\"", "registry.telemetry.otlp-endpoint")]
    [InlineData($"akka.some.password = {Planted}", "akka.some.password")]
    public async Task A_secret_among_the_arguments_is_refused_by_name_and_not_repeated(string assignment, string key)
    {
        foreach (var verb in new[] { "serve", "check-config" })
        {
            // A gateway that took it would serve for ever.
            var (code, output, error) = await RunAsync(verb, "--set", assignment).WaitAsync(Eventually.Patience);
            code.ShouldBe((int)ExitCode.Usage, error);
            error.ShouldContain($"--set {key}: ");
            error.ShouldContain("--config FILE.conf");
            (output + error).ShouldNotContain(Planted);
        }
    }

    [Theory]
    [InlineData("registry.ice.shared-secret = off")]
    [InlineData("registry.ice.credentials-url = \"https://relay.example/turn\"")]
    [InlineData("registry.ice.servers = [\"stun:stun.example\"]")]
    public async Task What_is_no_secret_may_stand_there(string assignment) => (await RunAsync("check-config", "--set", assignment)).Code.ShouldBe((int)ExitCode.Ok);

    [Theory]
    [InlineData("registry.auth.keys")]
    [InlineData("registry.auth.token-keys")]
    public async Task Nor_is_the_name_of_a_file(string key) => (await RunAsync("check-config", "--set", $"{key} = {folder.File("none")}")).Error.ShouldNotContain("a secret has no place");

    [Fact]
    public async Task A_key_that_goes_in_the_clear_to_another_machine_is_said_once()
    {
        await File.WriteAllTextAsync(folder.File("key"), ApiKeys.Create("ops", ["operator"], null).Key);
        var port = Programs.FreeEndPoint().Port;

        // Loopback too, but not in a form that says so.
        var (code, _, error) = await RunAsync("capacity", "--gateway", $"http://[::ffff:127.0.0.2]:{port}", "--key-file", folder.File("key"));
        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
        error.Split("WARNING: the key goes to http://[::ffff:127.0.0.2]").Length.ShouldBe(2, error);
        error.ShouldContain("Use https://");
        foreach (string[] without in new[] { new[] { $"http://127.0.0.1:{port}", "--key-file", folder.File("key") }, [$"http://[::ffff:127.0.0.2]:{port}"], [$"https://[::ffff:127.0.0.2]:{port}", "--key-file", folder.File("key")] })
            (await RunAsync(["capacity", "--gateway", .. without])).Error.ShouldNotContain("WARNING");
    }

    [Fact]
    public async Task An_insecure_gateway_says_what_that_means_before_anything_else()
    {
        using var gateway = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "serve", "--insecure", "--http", "http://0.0.0.0:0");
        try
        {
            var line = await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
            line.ShouldNotBeNull().ShouldStartWith("WARNING: other machines reach this gateway, and without authentication everybody who reaches it can use every tube and target of this gateway");
            line.ShouldEndWith("--insecure allows it.");
        }
        finally
        {
            await Programs.EndAsync(gateway);
        }
    }
}
