using Akka.Actor;
using Registry.Actors.Audit;
using Registry.Actors.Tests.Audit;
using Registry.Actors.Tests.Relay;
using Registry.Actors.Tests.Scripted;
using Registry.Actors.Tubes;
using Registry.Messages;
using Registry.WebRtc;
using Xunit.Abstractions;

namespace Registry.Actors.Tests.Tubes;

/// <summary>
/// Two thousand tubes, a hundred for each way in which a tube can go wrong, all at once: afterwards there is nothing, and the reconciler
/// has found nothing, and the audit has a start and an end of each.
/// </summary>
public sealed class LeakGateSpecs(ITestOutputHelper output, CredentialsEndpoint endpoint, RecordingAudit audit)
    : RegistrySpec(output, "registry.ice.credentials-timeout = 1d", o => (o.IceCredentialsUrl, o.Audit) = (endpoint.Url, audit)), IClassFixture<CredentialsEndpoint>, IClassFixture<RecordingAudit>
{
    private const int Tubes = 100;

    private readonly Dictionary<string, Func<LeakGateSpecs, string, Task>> ways = new()
    {
        ["the endpoint for credentials is down"] = (gate, name) => gate.CreateAsync(name),
        ["no peer connection"] = (gate, name) => gate.CreateAsync(name),
        ["no data channel"] = (gate, name) => gate.CreateAsync(name),
        ["no offer"] = (gate, name) => gate.CreateAsync(name),
        ["no local description"] = (gate, name) => gate.CreateAsync(name),
        ["no candidates"] = (gate, name) => gate.CreateAsync(name),
        ["a bad offer"] = (gate, name) => gate.CreateAsync(name, offer: "dj0wDQo="),
        ["no base64"] = (gate, name) => gate.CreateAsync(name, offer: "?"),
        ["the description is never ready"] = (gate, name) => gate.CreateAsync(name),
        ["the asker goes away"] = (gate, name) => gate.AbandonAsync(name),
        ["the asker's time is over"] = (gate, name) => gate.CreateAsync(name, timeout: TimeSpan.FromSeconds(1)),
        ["never answered"] = (gate, name) => gate.CreateAsync(name),
        ["the peer vanishes"] = (gate, name) => gate.ConnectAsync(name, (near, _) => near.Fail(PeerConnectionFailureKind.ConsentExpired, "scripted")),
        ["the peer closes"] = (gate, name) => gate.ConnectAsync(name, (_, far) => far.HangUp()),
        ["a handler throws"] = (gate, name) => gate.ThrowAsync(name),
        ["closed while it is made"] = (gate, name) => gate.CloseAsync(name),
        ["closed while it connects"] = (gate, name) => gate.CloseAsync(name),
        ["closed while it is active"] = (gate, name) => gate.ConnectAsync(name, (_, _) => { }, close: true),
        ["closed while it is ready"] = (gate, name) => gate.ConnectAsync(name, (_, _) => { }, close: true),
        ["closed while it is disconnected"] = (gate, name) => gate.ConnectAsync(name, (near, _) => near.Become(PeerConnectionState.Disconnected), close: true),
    };

    // What no handler can take.
    private static readonly object[] Poison =
        [new WorkFailed(new InvalidOperationException("scripted")), new PeerOpenedChannel(null!), new CloseChannel(null!), new OpenChannel(null!)];

    private int poisoned;

    [Fact]
    public async Task Whatever_goes_wrong_with_two_thousand_tubes_nothing_of_them_is_left()
    {
        ways.Count.ShouldBe(20);
        foreach (var (way, run) in ways)
        {
            Prepare(way);
            var running = Task.WhenAll(Enumerable.Range(0, Tubes).Select(i => run(this, $"{way} {i}")));
            await PassTimeAsync(way, running);
            await running.WaitAsync(TimeSpan.FromSeconds(60));
            await CloseOtherEndsAsync();
            await NothingLeftAsync();
            Restore();
        }

        for (var round = 0; round < 3; round++)
        {
            Clock.Advance(TimeSpan.FromSeconds(30));
            await Actor.Ask<CapacityRead>(GetCapacity.Instance, TimeSpan.FromSeconds(10));
        }

        var capacity = Registry.Capacity;
        capacity.ReconcilerFindings.ShouldBe(0);
        (capacity.TotalCreates + capacity.TotalRejected).ShouldBeGreaterThanOrEqualTo(Tubes * ways.Count);
        audit.ShouldBeWhole();
        audit.Of(AuditKind.TubeEnd).Length.ShouldBe((int)capacity.TotalCreates);
        Node.Directory.ClosedCount.ShouldBeLessThanOrEqualTo(Node.Settings.ClosedKept);
    }

    private void Prepare(string way)
    {
        switch (way)
        {
            case "the endpoint for credentials is down":
                endpoint.Answer = (500, "");
                break;
            case "no peer connection":
                Peers.Break("CreatePeerConnection", new InvalidOperationException("scripted"));
                break;
            case "no data channel":
                Peers.Break("CreateDataChannel", new InvalidOperationException("scripted"));
                break;
            case "no offer":
                Peers.Break("CreateOffer", new InvalidOperationException("scripted"));
                break;
            case "no local description":
                Peers.Break("SetLocalDescription", new InvalidOperationException("scripted"));
                break;
            case "no candidates":
                Peers.Break("Gather", new InvalidOperationException("scripted"));
                break;
            case "the description is never ready" or "the asker goes away" or "the asker's time is over" or "closed while it is made":
                Peers.Hold("CreateOffer");
                break;
            case "closed while it is active":
                Peers.OpenChannels = false;
                break;
        }
    }

    private async Task PassTimeAsync(string way, Task running)
    {
        var time = way switch
        {
            "the description is never ready" => TimeSpan.FromSeconds(15),
            "the asker's time is over" => TimeSpan.FromSeconds(1),
            "never answered" => TimeSpan.FromSeconds(30),
            _ => TimeSpan.Zero,
        };
        if (time == TimeSpan.Zero)
            return;
        var state = way == "never answered" ? TubeState.Connecting : TubeState.Initializing;
        await UntilAsync(() => Peers.OpenConnections == Tubes && Registry.Directory.List().Count(t => t.State == state) == Tubes);
        if (way == "never answered")
            await running;
        Clock.Advance(time);
    }

    private void Restore()
    {
        endpoint.Answer = (200, CredentialsEndpoint.Good);
        Clock.Advance(TimeSpan.FromSeconds(30)); // the endpoint's breaker
        foreach (var step in new[] { "CreatePeerConnection", "CreateDataChannel", "CreateOffer", "SetLocalDescription", "Gather" })
            Peers.Mend(step);
        Peers.OpenChannels = true;
    }

    private Task<RegistryReply> CreateAsync(string name, string? offer = null, TimeSpan? timeout = null) =>
        Registry.CreateAsync(Create(name, Listen) with { Offer = offer, Timeout = timeout, TrickleIce = false });

    private async Task AbandonAsync(string name)
    {
        using var cancel = new CancellationTokenSource();
        var creating = Registry.CreateAsync(Create(name, Listen), cancel.Token);
        await UntilAsync(() => Registry.Directory.TryGet(new ConversationId(name), out _));
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(creating);
    }

    private async Task CloseAsync(string name)
    {
        var id = TubeId.NewId();
        var creating = Registry.CreateAsync(Create(name, Listen) with { TubeId = id });
        await UntilAsync(() => Registry.Directory.TryGet(id, out _));
        (await Registry.CloseTubeAsync(new(id))).ShouldBeOfType<Done>();
        await creating;
    }

    private async Task ConnectAsync(string name, Action<ScriptedPeerConnection, ScriptedPeerConnection> then, bool close = false)
    {
        var created = (await CreateAsync(name)).ShouldBeOfType<TubeCreated>();
        SdpText.TryDecode(created.Offer!, "offer", out var sdp, out _).ShouldBeTrue();
        var near = Peers.Connections.Single(c => c.Number == int.Parse(sdp.Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture));
        var far = (ScriptedPeerConnection)Peers.CreatePeerConnection();
        near.Connect(far);
        var connected = Peers.OpenChannels ? TubeState.Ready : TubeState.Active;
        await UntilAsync(() => Registry.Directory.TryGet(created.TubeId, out var tube) && tube.State == connected);
        then(near, far);
        if (close)
            (await Task.WhenAll(Registry.CloseTubeAsync(new(created.TubeId)), Registry.CloseTubeAsync(new(created.TubeId)))).ShouldAllBe(r => r is Done);
    }

    private async Task ThrowAsync(string name)
    {
        var created = (await CreateAsync(name)).ShouldBeOfType<TubeCreated>();
        Sys.ActorSelection(Actor.Path / created.TubeId.ToString()).Tell(Poison[Interlocked.Increment(ref poisoned) % Poison.Length]);
        await UntilAsync(() => !Registry.Directory.TryGet(created.TubeId, out _));
    }

    private Task UntilAsync(Func<bool> condition) => AwaitConditionAsync(() => Task.FromResult(condition()), TimeSpan.FromSeconds(60), TimeSpan.FromMilliseconds(10));

    // The ends that belong to no tube of this registry.
    private async Task CloseOtherEndsAsync()
    {
        foreach (var connection in Peers.Connections.Where(c => !c.IsDisposed && !c.HasListeners))
            await connection.DisposeAsync();
    }
}
