using Registry.WebRtc;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Registry.Interop.Tests.Relay;

/// <summary>One relay, one factory of ours that trusts it, and each foreign peer once a test asks for it.</summary>
public sealed class PeerRelayFixture : IAsyncLifetime
{
    private readonly Dictionary<PeerProfile, ForeignPeer> peers = [];
    private RelayServer? server;
    private PeerConnectionFactory? factory;

    internal async Task<(RelayServer Server, PeerConnectionFactory Factory, ForeignPeer Peer)> StartAsync(PeerProfile profile)
    {
        server ??= await RelayServer.StartAsync();
        factory ??= PeerConnectionFactory.Create(new() { RelayAuthorities = server.Authorities });
        if (!peers.TryGetValue(profile, out var peer))
            peers[profile] = peer = await ForeignPeer.StartAsync(profile, server.CertificateFile);
        return (server, factory, peer);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (factory is not null)
            await factory.DisposeAsync();
        foreach (var peer in peers.Values)
            await peer.DisposeAsync();
        if (server is not null)
            await server.DisposeAsync();
    }
}

/// <summary>
/// Every foreign peer over relays, both sides relay-only: peer × who offers × how the relay is reached × whether candidates trickle
/// (<see cref="PeerProfile.TakesWholeDescriptionsOverStreams"/>); and by the addresses that a STUN server
/// sees. Where the peer cannot reach it
/// that way (<see cref="PeerProfile.NoRelayOver"/>, with the reason), its side takes UDP and only ours goes the named way.
/// </summary>
public sealed class PeerRelayTests(PeerRelayFixture fixture) : IClassFixture<PeerRelayFixture>
{
    public static TheoryData<string, Offerer, IceServerKind, bool> Cells
    {
        get
        {
            var cells = new TheoryData<string, Offerer, IceServerKind, bool>();
            foreach (var (peer, offerer) in PeersAndOfferers)
            {
                foreach (var kind in new[] { IceServerKind.TurnUdp, IceServerKind.TurnTcp, IceServerKind.TurnTls })
                {
                    cells.Add(peer.Name, offerer, kind, true);
                    if (kind == IceServerKind.TurnUdp || peer.TakesWholeDescriptionsOverStreams)
                        cells.Add(peer.Name, offerer, kind, false);
                }
            }
            return cells;
        }
    }

    public static TheoryData<string, Offerer> ReflexiveCells
    {
        get
        {
            var cells = new TheoryData<string, Offerer>();
            foreach (var (peer, offerer) in PeersAndOfferers)
                cells.Add(peer.Name, offerer);
            return cells;
        }
    }

    private static IEnumerable<(PeerProfile Peer, Offerer Offerer)> PeersAndOfferers =>
        PeerProfile.All.SelectMany(_ => Enum.GetValues<Offerer>(), (peer, offerer) => (peer, offerer));

    [RelayPeerTheory]
    [MemberData(nameof(Cells))]
    public async Task Connects_over_relays(string name, Offerer offerer, IceServerKind kind, bool trickle)
    {
        var profile = PeerProfile.Named(name);
        var (server, factory, peer) = await fixture.StartAsync(profile);
        var theirRelay = server.Server(profile.NoRelayOver.ContainsKey(kind) ? IceServerKind.TurnUdp : kind);

        await using var session = await InteropSession.ConnectAsync(peer, factory, server.RelayOnly(kind), offerer, trickle, theirRelay);

        await ExchangeAsync(session);
        var selected = session.Ours.SelectedCandidatePair!;
        selected.Local.Type.ShouldBe(IceCandidateType.Relay);
        if (profile.KeepsToRelays)
            selected.Remote.Type.ShouldBe(IceCandidateType.Relay, selected.ToString());
    }

    /// <summary>
    /// The server, on loopback, sees other addresses than those that both sides have; no others are told. Where it does not of the peer
    /// (<see cref="PeerProfile.HasReflexiveAddress"/>), the peer's checks to our address connect.
    /// </summary>
    [RelayPeerTheory]
    [MemberData(nameof(ReflexiveCells))]
    public async Task Connects_by_the_addresses_that_a_server_sees(string name, Offerer offerer)
    {
        var profile = PeerProfile.Named(name);
        var (server, factory, peer) = await fixture.StartAsync(profile);
        var stun = new IceServer([server.Url(IceServerKind.Stun)]);
        var reflexive = new CandidateFilter(IsReflexive, IsReflexive) { OursLast = true };

        await using var session = await InteropSession.ConnectAsync(peer, factory, new() { IceServers = [stun] }, offerer, trickle: true, stun, reflexive);

        await ExchangeAsync(session);
        var selected = session.Ours.SelectedCandidatePair!;
        if (profile.HasReflexiveAddress)
            (selected.Local.Type, selected.Remote.Type).ShouldBe((IceCandidateType.ServerReflexive, IceCandidateType.ServerReflexive), selected.ToString());
        else
            selected.Remote.Type.ShouldBe(IceCandidateType.PeerReflexive, selected.ToString());

        static bool IsReflexive(IceCandidate candidate) => candidate.Type == IceCandidateType.ServerReflexive;
    }

    private static async Task ExchangeAsync(InteropSession session)
    {
        for (var i = 0; i < 10; i++)
            await session.First.SendAsync(MessageContent.Binary(i, 5000));
        for (var i = 0; i < 10; i++)
            (await session.Theirs.NextMessageAsync("first")).Checksum.ShouldBe(MessageContent.Checksum(MessageContent.Binary(i, 5000)));
        await session.Theirs.SendAsync("first", 1, 5000);
        (await session.ReceiveAsync(session.First)).Data.SequenceEqual(MessageContent.Binary(0, 5000)).ShouldBeTrue();
    }
}

/// <summary>A theory whose first argument names a peer; a case is skipped, with the reason, when the machine lacks the peer or coturn.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Registry.Interop.Tests.Relay.RelayPeerTheoryDiscoverer", "Registry.Interop.Tests")]
public sealed class RelayPeerTheoryAttribute : TheoryAttribute;

/// <summary>Decides for each case whether its peer and the relay can run.</summary>
public sealed class RelayPeerTheoryDiscoverer(IMessageSink diagnosticMessageSink) : TheoryDiscoverer(diagnosticMessageSink)
{
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute, object[] dataRow) =>
        (PeerProfile.Named((string)dataRow[0]).MissingRequirement() ?? RelayServer.MissingRequirement()) is { } reason
            ? CreateTestCasesForSkippedDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow, reason)
            : base.CreateTestCasesForDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow);
}
