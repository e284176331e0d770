using System.Net;
using Akka.Configuration;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Security;

namespace Registry.Host.Tests.Cli;

/// <summary>What <c>serve</c> says when it is there.</summary>
public sealed class GreetingTests
{
    [Fact]
    public async Task The_client_s_line_names_a_target_that_a_rule_allows_and_that_a_key_is_needed()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("keys"), ApiKeys.Create("ops", ["operator"], null).Line);

        var lines = await GreetingAsync(2, "--set", $"registry.auth.keys={folder.File("keys")}", "--allow", "10.0.0.0/8:22", "--allow", "db.example:5432");

        lines[0].ShouldStartWith("Dashboard: http://127.0.0.1:");
        lines[1].ShouldMatch(@"^Client: +registry forward -L 15432:db\.example:5432 --gateway http://127\.0\.0\.1:\d+ --key-file FILE$");
    }

    [Fact]
    public async Task That_a_file_of_keys_holds_none_is_said_where_nothing_else_lets_anybody_in()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("keys"), "# nobody yet\n");
        string[] keys = ["--set", $"registry.auth.keys={folder.File("keys")}"];
        var remark = $"registry.auth.keys holds no key: nobody can call. 'registry keys new … >> {folder.File("keys")}' adds one.";

        (await GreetingAsync(1, keys)).ShouldBe([$"WARNING: {remark}"]);
        var (code, output, _) = await Commands.RunAsync(["check-config", .. keys]);
        (code, output.Contains(remark, StringComparison.Ordinal)).ShouldBe(((int)ExitCode.Ok, true), output);
        (await Commands.RunAsync(["check-config", .. keys, "--set", $"registry.auth.jwt {{ issuer = i, audience = a, metadata-url = \"https://idp.example/\" }}"])).Output.ShouldNotContain("holds no key");
        await File.WriteAllTextAsync(folder.File("keys"), ApiKeys.Create("ops", ["operator"], null).Line);
        (await Commands.RunAsync(["check-config", .. keys])).Output.ShouldNotContain("holds no key");
    }

    [Fact]
    public async Task That_nothing_is_reachable_is_said()
    {
        var lines = await GreetingAsync(3);

        lines[1].ShouldMatch(@"^Client: +registry forward -L 15432:HOST:PORT --gateway http://127\.0\.0\.1:\d+$", "no rule allows any that could be named");
        lines[2].ShouldStartWith("No target is reachable");
    }

    [Theory]
    [InlineData(3, "--dev", "127.0.0.1:5432")]
    [InlineData(2, "--allow=10.0.0.0/8:22", "HOST:PORT")]
    public async Task The_client_s_line_names_loopback_only_where_it_can_be_reached(int count, string option, string expected) =>
        (await GreetingAsync(count, option)).ShouldContain(line => line.StartsWith($"Client:    registry forward -L 15432:{expected} --gateway ", StringComparison.Ordinal));

    [Fact]
    public async Task The_dates_of_a_certificate_are_warned_of_where_it_is_shown()
    {
        using var folder = new TemporaryFolder();
        await TlsTests.WriteAsync(folder, from: -2, until: -1);
        string[] certificate = ["--set", $"registry.http.tls.certificate={folder.File("certificate")}", "--set", $"registry.http.tls.key={folder.File("key")}"];

        var unused = await GreetingAsync(2, certificate);
        unused[0].ShouldBe("WARNING: registry.http.tls is set, but --http is http://127.0.0.1:0: it is not used. Give --http https://ADDRESS:PORT, such as https://0.0.0.0:8443.");
        unused[1].ShouldStartWith("Dashboard: http://127.0.0.1:");
        (await GreetingAsync(1, [.. certificate, "--http", "https://127.0.0.1:0"])).ShouldHaveSingleItem().ShouldStartWith("WARNING: registry.http.tls.certificate: the certificate expired at ");
    }

    [Fact]
    public async Task A_gateway_on_all_addresses_or_at_one_that_its_certificate_is_not_for_is_reached_by_its_certificate_s_name_or_the_machine_s()
    {
        using var folder = new TemporaryFolder();
        await TlsTests.WriteAsync(folder, "gateway.example");
        var options = new GatewayOptions { Http = new(IPAddress.Any, 8443) };
        var withCertificate = options with
        {
            IsHttps = true,
            Security = SecuritySettings.From(ConfigurationFactory.ParseString($"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}")),
        };

        options.ClientUrl(new("http://0.0.0.0:8443")).ShouldBe($"http://{Dns.GetHostName()}:8443");
        withCertificate.ClientUrl(new("https://0.0.0.0:8443")).ShouldBe("https://gateway.example:8443");
        (withCertificate with { Http = new(IPAddress.Loopback, 8443) }).ClientUrl(new("https://127.0.0.1:8443/")).ShouldBe("https://gateway.example:8443");
        await TlsTests.WriteAsync(folder, "127.0.0.1");
        (withCertificate with { Http = new(IPAddress.Loopback, 8443) }).ClientUrl(new("https://127.0.0.1:8443/")).ShouldBe("https://127.0.0.1:8443");
    }

    private static async Task<IReadOnlyList<string>> GreetingAsync(int count, params string[] arguments)
    {
        using var gateway = Programs.Start("dotnet", [typeof(Gateway).Assembly.Location, "serve", .. arguments.Contains("--http") ? Array.Empty<string>() : ["--http", "http://127.0.0.1:0"], .. arguments]);
        try
        {
            List<string> lines = [];
            while (lines.Count < count)
                lines.Add((await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldNotBeNull());
            return lines;
        }
        finally
        {
            gateway.Kill();
            await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
        }
    }
}
