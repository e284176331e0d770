using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;
using Registry.WebRtc;

namespace Registry.Interop.Tests.Relay;

/// <summary>A relay whose nonces are stale after a second, for all tests of a class.</summary>
public sealed class RelayFixture : IAsyncLifetime
{
    public RelayServer Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        if (RelayServer.MissingRequirement() is null)
            Server = await RelayServer.StartAsync(staleNonceSeconds: 1);
    }

    public async Task DisposeAsync()
    {
        if (Server is not null)
            await Server.DisposeAsync();
    }
}

/// <summary>Both ends are ours, the relay between them is coturn.</summary>
public sealed class RelayTests : IClassFixture<RelayFixture>, IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    private readonly Lines lines = new();
    private readonly RelayServer server;
    private readonly PeerConnectionFactory factory;

    public RelayTests(RelayFixture fixture)
    {
        server = fixture.Server;
        factory = CreateFactory(new() { RelayAuthorities = server.Authorities });
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await factory.DisposeAsync();

    public void Dispose() => lines.Dispose();

    [RelayTheory]
    [InlineData(IceServerKind.TurnUdp, true)]
    [InlineData(IceServerKind.TurnTcp, true)]
    [InlineData(IceServerKind.TurnTls, true)]
    [InlineData(IceServerKind.TurnUdp, false)]
    public async Task Two_ends_that_may_use_relays_only_meet_on_them(IceServerKind kind, bool trickle)
    {
        await using var pair = new Pair(factory, factory, server.RelayOnly(kind), server.RelayOnly(kind));

        var (here, there) = await pair.ConnectAsync(trickle);

        await ExchangeAsync(here, there, 100, 16 * 1024);
        foreach (var connection in new[] { pair.Offerer, pair.Answerer })
        {
            var selected = connection.SelectedCandidatePair!;
            (selected.Local.Type, selected.Remote.Type).ShouldBe((IceCandidateType.Relay, IceCandidateType.Relay));
            selected.Local.RelatedAddress.ShouldBe(new IPEndPoint(IPAddress.Any, 0), "a relay-only candidate does not tell where this side is");
            connection.LocalDescription!.Sdp.ShouldNotContain("typ host");
            connection.LocalDescription.Sdp.ShouldNotContain("typ srflx");
        }
    }

    [RelayFact]
    public async Task A_tube_outlives_stale_nonces_and_gives_its_allocation_back()
    {
        await using var pair = new Pair(factory, factory, server.RelayOnly(IceServerKind.TurnUdp), PeerConnectionConfiguration.Default);
        var (here, there) = await pair.ConnectAsync();
        // By the server's clock, which counts seconds, a nonce is stale after one: the release has to take another.
        await Task.Delay(TimeSpan.FromSeconds(2.2));
        await ExchangeAsync(here, there, 10, 1000);
        var before = Refreshes("lifetime=0");

        await pair.DisposeAsync();

        await WaitForAsync(() => Refreshes("lifetime=0") > before);
        server.Log.ShouldContain("error 438", Case.Insensitive);
    }

    [RelayTheory]
    [InlineData(IceServerKind.TurnUdp)]
    [InlineData(IceServerKind.TurnTcp)]
    public async Task A_server_that_was_restarted_gives_a_new_address_to_an_ICE_restart(IceServerKind kind)
    {
        await using var restarted = await RelayServer.StartAsync();
        await using var pair = new Pair(factory, factory, restarted.RelayOnly(kind), PeerConnectionConfiguration.Default);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Offerer.LocalAddressesChanged += () => lost.TrySetResult();
        var (here, there) = await pair.ConnectAsync();
        var before = pair.Offerer.SelectedCandidatePair!.Local;

        await restarted.RestartAsync();
        if (kind == IceServerKind.TurnTcp)
            await lost.Task.WaitAsync(patience);   // over UDP nothing tells before the path is silent
        await pair.RestartAsync();

        await ExchangeAsync(here, there, 20, 16 * 1024);
        var after = pair.Offerer.SelectedCandidatePair!.Local;
        (after.Type, after == before).ShouldBe((IceCandidateType.Relay, false));
    }

    [RelayFact]
    public async Task A_direct_path_is_preferred_to_the_relay()
    {
        var configuration = new PeerConnectionConfiguration { IceServers = [server.Server(IceServerKind.TurnUdp), server.Server(IceServerKind.Stun)] };
        await using var other = CreateFactory(new());
        await using var pair = new Pair(factory, other, configuration, configuration);
        await pair.ConnectAsync();

        pair.Offerer.SelectedCandidatePair!.Local.Type.ShouldNotBe(IceCandidateType.Relay);
        await WaitForAsync(() => pair.Offerer.IceGatheringState == IceGatheringState.Complete);
        pair.Offerer.LocalDescription!.Sdp.ShouldContain("typ relay");
    }

    [RelayTheory]
    [InlineData("wrong-secret", IceServerKind.TurnUdp, "401")]
    [InlineData("wrong-secret", IceServerKind.TurnTcp, "401")]
    public async Task Wrong_credentials_fail_a_relay_only_connection_at_once_and_say_why(string secret, IceServerKind kind, string reason)
    {
        var wrong = new SharedSecretIceServers([server.Url(kind)], secret, TimeSpan.FromHours(1), TimeProvider.System).Create();
        (await FailureOfAsync(factory, wrong)).ShouldContain(reason);
    }

    [RelayFact]
    public async Task A_certificate_of_an_unknown_authority_or_for_another_name_is_refused()
    {
        await using var suspicious = CreateFactory(new());
        (await FailureOfAsync(suspicious, server.Server(IceServerKind.TurnTls))).ShouldContain("UntrustedRoot");

        var otherName = new SharedSecretIceServers([$"turns:localhost:{server.TlsPort}"], RelayServer.Secret, TimeSpan.FromHours(1), TimeProvider.System).Create();
        (await FailureOfAsync(factory, otherName)).ShouldContain("RemoteCertificateNameMismatch");
    }

    [RelayFact]
    public async Task A_reflexive_candidate_is_what_the_server_sees_of_the_shared_socket()
    {
        // The server, on loopback, sees another address than the one that is offered.
        await using var translated = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.200")] });
        var found = new List<IceCandidate>();
        foreach (var connection in new[] { translated.CreatePeerConnection(Stun()), translated.CreatePeerConnection(Stun()) })
        {
            connection.IceCandidateFound += candidate => found.AddRange(candidate is { Type: IceCandidateType.ServerReflexive } ? [candidate] : []);
            connection.CreateDataChannel("c");
            await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());
            await WaitForAsync(() => connection.IceGatheringState == IceGatheringState.Complete);
        }
        await WaitForAsync(() => found.Count == 2);

        foreach (var candidate in found)
        {
            (candidate.Address, candidate.Port).ShouldBe(("127.0.0.1", translated.UdpPort!.Value));
            candidate.RelatedAddress.ShouldBe(new IPEndPoint(IPAddress.Parse("192.0.2.200"), candidate.Port));
        }

        PeerConnectionConfiguration Stun() => new() { IceServers = [new([server.Url(IceServerKind.Stun)])] };
    }

    [RelayFact]
    public async Task Fresh_credentials_that_the_server_does_not_take_for_an_old_allocation_do_not_end_it()
    {
        var fresh = new SharedSecretIceServers([server.Url(IceServerKind.TurnUdp)], RelayServer.Secret, TimeSpan.FromHours(2), TimeProvider.System);
        var expiring = server.Server(IceServerKind.TurnUdp) with { Expires = DateTimeOffset.UtcNow + TimeSpan.FromSeconds(1) };
        await using var pair = new Pair(
            factory, factory, new() { IceServers = [expiring], IceServerProvider = fresh, IceTransportPolicy = IceTransportPolicy.Relay }, PeerConnectionConfiguration.Default);
        var (here, there) = await pair.ConnectAsync();

        // coturn keeps to the user that made the allocation: the fresh credentials are refused, the first ones refresh it.
        await WaitForAsync(() => server.Log.Contains("error 441", StringComparison.Ordinal) && Refreshes("lifetime=600") > 0);
        await ExchangeAsync(here, there, 10, 1000);
        pair.Offerer.SelectedCandidatePair!.Local.Type.ShouldBe(IceCandidateType.Relay);
    }

    [RelayFact]
    public async Task No_secret_is_in_any_log_line()
    {
        var relay = server.Server(IceServerKind.TurnUdp);
        await FailureOfAsync(factory, relay with { Credential = "hush-hush" });

        lines.Text.ShouldContain("gives no candidate");
        lines.Text.ShouldNotContain("hush");
        lines.Text.ShouldNotContain(relay.Username!);
    }

    private int Refreshes(string lifetime) => server.Log.Split('\n').Count(
        line => line.Contains("refreshed", StringComparison.Ordinal) && line.Contains(lifetime, StringComparison.Ordinal));

    private PeerConnectionFactory CreateFactory(PeerConnectionFactoryOptions options) => PeerConnectionFactory.Create(options with
    {
        BindAddress = IPAddress.Loopback,
        HostAddresses = [IPAddress.Loopback],
        LoggerFactory = lines,
    });

    private static async Task<string> FailureOfAsync(PeerConnectionFactory factory, IceServer relay)
    {
        await using var connection = factory.CreatePeerConnection(new() { IceServers = [relay], IceTransportPolicy = IceTransportPolicy.Relay });
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionStateChanged += state =>
        {
            if (state == PeerConnectionState.Failed)
                failed.TrySetResult();
        };
        connection.CreateDataChannel("c");
        await connection.SetLocalDescriptionAsync(await connection.CreateOfferAsync());
        await failed.Task.WaitAsync(patience);
        connection.Failure!.Kind.ShouldBe(PeerConnectionFailureKind.IceFailed);
        return connection.Failure.Message;
    }

    private static async Task ExchangeAsync(IDataChannel here, IDataChannel there, int count, int size)
    {
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < count; i++)
                await here.SendAsync(MessageContent.Binary(i, size));
        });
        for (var i = 0; i < count; i++)
        {
            using var message = (await there.ReceiveAsync().AsTask().WaitAsync(patience)).ShouldNotBeNull();
            message.Data.Span.SequenceEqual(MessageContent.Binary(i, size)).ShouldBeTrue();
        }
        await sending.WaitAsync(patience);
        await there.SendAsync(Encoding.UTF8.GetBytes("back"));
        using var reply = (await here.ReceiveAsync().AsTask().WaitAsync(patience)).ShouldNotBeNull();
        Encoding.UTF8.GetString(reply.Data.Span).ShouldBe("back");
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        using var timeout = new CancellationTokenSource(patience);
        while (!condition())
            await Task.Delay(20, timeout.Token);
    }

    private sealed class Pair(PeerConnectionFactory offering, PeerConnectionFactory answering, PeerConnectionConfiguration here, PeerConnectionConfiguration there) : IAsyncDisposable
    {
        public IPeerConnection Offerer { get; } = offering.CreatePeerConnection(here);
        public IPeerConnection Answerer { get; } = answering.CreatePeerConnection(there);

        public async Task<(IDataChannel Here, IDataChannel There)> ConnectAsync(bool trickle = true)
        {
            var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
            Answerer.DataChannelReceived += channel => received.TrySetResult(channel);
            if (trickle)
            {
                Offerer.IceCandidateFound += candidate => _ = Answerer.AddIceCandidateAsync(candidate).AsTask();
                Answerer.IceCandidateFound += candidate => _ = Offerer.AddIceCandidateAsync(candidate).AsTask();
            }
            var channel = Offerer.CreateDataChannel("relayed");
            await Answerer.SetRemoteDescriptionAsync(await DescribeAsync(Offerer, SdpType.Offer, trickle));
            await Offerer.SetRemoteDescriptionAsync(await DescribeAsync(Answerer, SdpType.Answer, trickle));
            await channel.WaitForOpenAsync().WaitAsync(patience);
            return (channel, await received.Task.WaitAsync(patience));
        }

        /// <summary>Restarts ICE from the offerer's side.</summary>
        public async Task RestartAsync()
        {
            Offerer.RestartIce();
            await Answerer.SetRemoteDescriptionAsync(await DescribeAsync(Offerer, SdpType.Offer, trickle: true));
            await Offerer.SetRemoteDescriptionAsync(await DescribeAsync(Answerer, SdpType.Answer, trickle: true));
        }

        public async ValueTask DisposeAsync()
        {
            await Offerer.DisposeAsync();
            await Answerer.DisposeAsync();
        }

        private static async Task<SessionDescription> DescribeAsync(IPeerConnection connection, SdpType type, bool trickle)
        {
            var gathered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            connection.IceGatheringStateChanged += state =>
            {
                if (state == IceGatheringState.Complete)
                    gathered.TrySetResult();
            };
            var description = type == SdpType.Offer ? await connection.CreateOfferAsync() : await connection.CreateAnswerAsync();
            await connection.SetLocalDescriptionAsync(description);
            if (trickle)
                return description;
            await gathered.Task.WaitAsync(patience);
            return connection.LocalDescription!;
        }
    }

    private sealed class Lines : ILoggerFactory, ILogger
    {
        private readonly StringBuilder text = new();

        public string Text
        {
            get { lock (text) return text.ToString(); }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (text)
                text.AppendLine(formatter(state, exception)).Append(exception);
        }

        public void Dispose()
        {
        }
    }
}
