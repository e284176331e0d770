using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Registry.Actors;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.Cli;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Settings and files that change while a gateway runs, as <c>registry reload</c> makes it read them.</summary>
public sealed class ReloadTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string key;
    private readonly string line;
    private Gateway gateway = null!;

    public ReloadTests() => (key, line) = ApiKeys.Create("ops", ["operator"], null);

    private string ConfigFile => folder.File("gateway.conf");

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(folder.File("keys"), line);
        await File.WriteAllTextAsync(folder.File("ops.key"), key);
        await ConfigureAsync("");
        var result = CommandLine.Create().Parse(["serve", "--http", "http://127.0.0.1:0", "--config", ConfigFile, "--set", "registry.drain.stop-deadline=off", "--allow", "10.0.0.0/8:22"]);
        gateway = await Gateway.StartAsync(ServeCommand.Read(result) with { ReadAgain = () => ServeCommand.Read(result) });
    }

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Limits_rates_rules_and_the_level_of_the_log_hold_at_once_and_the_rest_needs_a_restart()
    {
        await ConfigureAsync("""
            registry {
              admission { max-tubes = 7, max-waiting = 3 }
              tube { idle-timeout = 20m, max-bytes-per-second = 1 MiB, max-channels = 5 }
              targets.allow = ["192.168.0.0/16:22", "db.example:5432"]
              http.hosts = ["gateway.example"]
              telemetry.log.level = warning
            }
            akka.actor.ask-timeout = 7s
            """);

        var report = await ReloadAsync();

        Texts(report, "applied").ShouldBe(
        [
            "registry.admission.max-tubes", "registry.admission.max-waiting", "registry.targets.allow", "registry.telemetry.log.level", "registry.tube.idle-timeout", "registry.tube.max-bytes-per-second",
        ]);
        Texts(report, "needRestart").ShouldBe(["akka.actor.ask-timeout", "registry.http.hosts", "registry.tube.max-channels"]);
        Texts(report, "remarks").ShouldContain("3 target rules in force; 0 connections that they do not allow ended.");
        var capacity = gateway.Services.GetRequiredService<ITubeRegistry>().Capacity;
        (capacity.MaxTubes, capacity.MaxWaiting, capacity.MaxConcurrentCreates).ShouldBe((7, 3, 100));
        var system = gateway.Services.GetRequiredService<Akka.Actor.ActorSystem>();
        system.GetTubeLimits().Current.IdleTimeout.ShouldBe(TimeSpan.FromMinutes(20));
        system.GetTubeLimits().Current.MaxBytesPerSecond.ShouldBe(1 << 20);
        gateway.Services.GetRequiredService<LogThreshold>().Settings.Level.ShouldBe(Microsoft.Extensions.Logging.LogLevel.Warning);
        system.EventStream.LogLevel.ShouldBe(Akka.Event.LogLevel.WarningLevel);

        // What needs a restart is said until there is one; what is in force is not said again.
        report = await ReloadAsync();
        Texts(report, "applied").ShouldBeEmpty();
        Texts(report, "needRestart").ShouldBe(["akka.actor.ask-timeout", "registry.http.hosts", "registry.tube.max-channels"]);
        (await RunAsync()).Output.ShouldContain("registry.http.hosts changed, and needs a restart.");
        await ConfigureAsync("");
        Texts(await ReloadAsync(), "needRestart").ShouldBeEmpty();
        (await RunAsync()).Output.ShouldStartWith("No setting has changed.");
    }

    [Fact]
    public async Task A_limit_that_an_operator_changed_stays_until_the_file_says_another()
    {
        (await Commands.RunAsync("capacity", "limits", "--max-tubes", "11", "--json", "--gateway", gateway.Url.ToString(), "--key-file", folder.File("ops.key"))).Output.ShouldContain("\"maxTubes\":11");
        await ConfigureAsync("registry.admission.max-waiting = 5");
        await ReloadAsync();
        Capacity.MaxTubes.ShouldBe(11);
        await ConfigureAsync("registry.admission.max-tubes = 12");
        await ReloadAsync();
        (Capacity.MaxTubes, Capacity.MaxWaiting).ShouldBe((12, 100));
    }

    [Theory]
    [InlineData("registry.admission.max-tubes = 7\nregistry.admission.max-tubs = 7", "line 3: registry.admission.max-tubs is not a setting; the nearest is registry.admission.max-tubes.")]
    [InlineData("registry.admission.max-tubes = 7\nregistry.targets.allow = [nonsense]", "line 3: registry.targets.allow must be a list of rules")]
    [InlineData("registry.admission.max-tubes = 7\nregistry {", "line 3: this '{' is not closed")]
    [InlineData("registry.admission.max-tubes = 7\nregistry.audit.file.path = /no/audit", "line 3: registry.audit.file.path: the folder of '/no/audit' does not exist")]
    [InlineData("registry.admission.max-tubes = ${nowhere}", "is not HOCON")]
    public async Task A_wrong_file_changes_nothing_and_says_where_and_why(string settings, string why)
    {
        await ConfigureAsync(settings);

        var (code, output, error) = await RunAsync();

        code.ShouldBe((int)ExitCode.Refused);
        output.ShouldBe("");
        error.ShouldContain("Nothing changed");
        error.ShouldContain(ConfigFile);
        error.ShouldContain(why);
        error.ShouldContain("invalid_configuration");
        Capacity.MaxTubes.ShouldBe(10_000);
    }

    [Fact]
    public async Task Each_fault_has_a_line_of_its_own()
    {
        await ConfigureAsync("registry.admission.max-tubes = 0\nregistry.warp = on");

        var (code, _, error) = await RunAsync();

        code.ShouldBe((int)ExitCode.Refused);
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(3, error);
        lines[0].ShouldBe($"registry: The gateway {gateway.Url} refused: Nothing changed:");
        lines[1].ShouldStartWith($"registry: {ConfigFile}, line 2: registry.admission.max-tubes must be");
        lines[2].ShouldStartWith($"registry: {ConfigFile}, line 3: registry.warp is not a setting.");
        lines[2].ShouldEndWith("(invalid_configuration)");
    }

    [Fact]
    public async Task Keys_are_read_again_and_a_wrong_line_leaves_them_and_all_else_as_they_were()
    {
        var (other, otherLine) = ApiKeys.Create("other", ["operator"], null);
        await File.WriteAllTextAsync(folder.File("keys"), $"{line}\nnonsense");
        await ConfigureAsync("registry.admission.max-tubes = 7");
        (await RunAsync()).Error.ShouldContain($"{ConfigFile}, line 1: registry.auth.keys: '{folder.File("keys")}', line 2");
        Capacity.MaxTubes.ShouldBe(10_000);

        // Also the file may be another one.
        await File.WriteAllTextAsync(folder.File("more-keys"), $"{otherLine}\n{line}");
        await ConfigureAsync("", "more-keys");
        Texts(await ReloadAsync(), "applied").ShouldBe(["registry.auth.keys"]);
        using var http = new HttpClient { BaseAddress = gateway.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", other);
        (await http.GetAsync("/v1/capacity")).StatusCode.ShouldBe(HttpStatusCode.OK);

        // Without any the gateway would be open: that is for a restart.
        await File.WriteAllTextAsync(ConfigFile, "");
        Texts(await ReloadAsync(), "needRestart").ShouldBe(["registry.auth.keys"]);
        http.DefaultRequestHeaders.Authorization = null;
        (await http.GetAsync("/v1/capacity")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    private Registry.Messages.RegistryCapacity Capacity => gateway.Services.GetRequiredService<ITubeRegistry>().Capacity;

    private Task ConfigureAsync(string settings, string keys = "keys") => File.WriteAllTextAsync(ConfigFile, $"registry.auth.keys = \"{folder.File(keys)}\"\n{settings}");

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] options) =>
        Commands.RunAsync(["reload", "--gateway", gateway.Url.ToString(), "--key-file", folder.File("ops.key"), .. options]);

    private async Task<JsonElement> ReloadAsync()
    {
        var (code, output, error) = await RunAsync("--json");
        code.ShouldBe(0, error);
        return JsonDocument.Parse(output).RootElement;
    }

    private static string?[] Texts(JsonElement report, string name) => [.. report.GetProperty(name).EnumerateArray().Select(text => text.GetString())];
}
