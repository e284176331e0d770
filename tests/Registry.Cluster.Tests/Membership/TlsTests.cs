using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Akka.Actor;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Registry.Host.Cli;
using Registry.Host.Serving;

namespace Registry.Cluster.Tests.Membership;

public sealed class TlsTests
{
    [Fact]
    public async Task Only_nodes_with_a_certificate_of_the_authority_become_a_cluster()
    {
        using var ours = new Authority("ours");
        using var theirs = new Authority("theirs");
        await using var cluster = await GatewayCluster.StartAsync(2, ours.Issue("node"));
        var seed = cluster.Nodes[0];

        // Long enough for a node to say that it has not joined yet.
        string[] joining = ["--seed", seed.Name, "--set", "akka.cluster.shutdown-after-unsuccessful-join-seed-nodes=8s"];
        await using var stranger = ClusterProcess.Launch([.. joining, .. theirs.Issue("stranger")]);
        await using var plain = ClusterProcess.Launch(joining);

        foreach (var refused in new[] { stranger, plain })
        {
            (await refused.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, refused.Errors);
            MembershipTests.LastLine(refused).ShouldContain("registry.cluster.tls");
        }

        stranger.Errors.Contains("its certificate is not of an authority in registry.cluster.tls.ca-file", StringComparison.Ordinal).ShouldBeTrue(stranger.Errors);
        stranger.Errors.ShouldNotMatch(@"Refused \S*::ffff");
        plain.Errors.ShouldContain($"has not joined a cluster yet: it asks at {seed.Name}. Last error: {seed.Name}: it ended the connection without a word, as a node with registry.cluster.tls does to one that has none\n");
        await ShowNoCertificateAsync(seed.Name);
        foreach (var why in new[] { "its certificate is not of an authority", "it speaks no TLS. If it is a node, set registry.cluster.tls there", "it shows no certificate. If it is a node, set registry.cluster.tls there" })
            await Eventually.HoldsAsync(() => Task.FromResult(Regex.IsMatch(seed.Errors, $@"WARN \[Tcp\w+\] Refused 127\.0\.0\.1:\d+ at the cluster's port: {Regex.Escape(why)}")), why);
        foreach (var node in (ClusterProcess[])[seed, stranger])
            node.Errors.ShouldNotMatch("⏎|   at |suppress-validation");
        foreach (var node in cluster.Nodes)
            await node.ReadyAsync();
    }

    [Fact]
    public async Task A_node_with_TLS_that_asks_one_without_soon_says_what_may_be_wrong_and_the_other_says_whom_it_did_not_understand()
    {
        using var authority = new Authority("ours");
        // Sooner than Akka's 15 s, and later than a node says that it has not joined yet: Akka ends one whose TLS fails.
        await using var cluster = await GatewayCluster.StartAsync(1, "--set", "akka.remote.dot-netty.tcp.connection-timeout=10s");
        var plain = cluster.Nodes[0];
        await using var joining = ClusterProcess.Launch(["--seed", plain.Name, .. authority.Issue("joining")]);

        (await joining.ExitAsync()).ShouldBe((int)ExitCode.ClusterLost, joining.Errors);
        joining.Errors.ShouldContain($"has not joined a cluster yet: none answers at {plain.Name}. What is sent there is lost on the way, or is not understood: this node has registry.cluster.tls");
        const string Line = @"WARN \[TcpServerHandler\] Refused 127\.0\.0\.1:\d+ at the cluster's port: it said nothing that a node says\. If it is one, all or none have registry\.cluster\.tls\n";
        await Eventually.HoldsAsync(() => Task.FromResult(Regex.IsMatch(plain.Errors, Line)), Line);
        foreach (var node in (ClusterProcess[])[plain, joining])
            node.Errors.ShouldNotContain("No response from remote");
    }

    [Fact]
    public async Task A_node_that_its_cluster_ends_before_it_serves_says_so_too()
    {
        using var authority = new Authority("ours");
        using var seed = new TcpListener(IPAddress.Loopback, 0);
        seed.Start();
        var hangingUp = HangUpAsync(seed);
        var options = ServeCommand.Read(CommandLine.Create().Parse(
            ["serve", "--http", "http://127.0.0.1:0", "--log-level", "none", "--cluster", "127.0.0.1:0", "--seed", $"{seed.LocalEndpoint}", .. authority.Issue("node")]));
        var ended = await Should.ThrowAsync<CommandException>(() => Gateway.StartAsync(options, services => services.AddHostedService<StartThatTakesUntilTheEnd>()));
        ended.ExitCode.ShouldBe(ExitCode.ClusterLost);
        ended.Message.ShouldContain("registry.cluster.tls");
        seed.Stop();
        await Should.ThrowAsync<SocketException>(hangingUp);
    }

    [Theory]
    [InlineData("certificate-file")]
    [InlineData("key-file")]
    [InlineData("ca-file")]
    public async Task A_file_that_is_missing_or_wrong_keeps_the_node_from_starting_and_its_key_is_named(string key)
    {
        using var authority = new Authority("ours");
        foreach (var (value, why) in new[] { ("/does/not/exist.pem", "/does/not/exist.pem"), (authority.WriteNonsense(), "cannot be used"), ("off", "another file") })
        {
            var error = new StringWriter();
            var arguments = authority.Issue("node");
            var code = await CommandLine.InvokeAsync(["serve", "--cluster", "127.0.0.1:0", .. arguments, "--set", $"registry.cluster.tls.{key}={value}"], new StringWriter(), error);
            code.ShouldBe((int)ExitCode.Usage, error.ToString());
            error.ToString().ShouldStartWith($"registry: --set: registry.cluster.tls.{key}");
            error.ToString().ShouldContain(why);
            error.ToString().Trim().ShouldNotContain('\n');
        }
    }

    [Fact]
    public async Task A_certificate_of_another_authority_than_the_nodes_own_ca_file_is_wrong()
    {
        using var ours = new Authority("ours");
        using var theirs = new Authority("theirs");
        var error = new StringWriter();
        var code = await CommandLine.InvokeAsync(
            ["serve", "--cluster", "127.0.0.1:0", .. ours.Issue("node"), "--set", $"registry.cluster.tls.ca-file={theirs.File}"], new StringWriter(), error);
        code.ShouldBe((int)ExitCode.Usage);
        error.ToString().ShouldStartWith("registry: --set: registry.cluster.tls.certificate-file: ");
    }

    private static async Task ShowNoCertificateAsync(string node)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(node));
        await using var stream = new SslStream(client.GetStream(), false, (_, certificate, _, _) => certificate is not null);
        await Should.ThrowAsync<IOException>(async () =>
        {
            await stream.AuthenticateAsClientAsync("node");
            await stream.ReadExactlyAsync(new byte[1]);
        });
    }

    private static async Task HangUpAsync(TcpListener listener)
    {
        while (true)
            (await listener.AcceptSocketAsync()).Dispose();
    }

    private sealed class StartThatTakesUntilTheEnd(ActorSystem system) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => system.WhenTerminated.WaitAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
