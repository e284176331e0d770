using System.Net;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Tests.Turn;

public sealed class TurnClientTests
{
    private static readonly TurnCredentials Good = new(TurnServerEndpoint.Username, TurnServerEndpoint.Password, TimeSpan.MaxValue);
    private static readonly TransportAddress Peer = TransportAddress.From(IPEndPoint.Parse("203.0.113.9:9000"));
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(20);

    private readonly SimulatedNetwork network = new(1, NetworkConditions.Perfect);
    private readonly TurnServerEndpoint server;

    public TurnClientTests() => server = new(network, "198.51.100.1:3478");

    [Fact]
    public void Allocates_in_two_round_trips_and_gives_back_in_one()
    {
        var client = Allocated();

        network.Now.ShouldBe(2 * RoundTrip);
        client.Turn.Relayed.ShouldBe(server.Relayed.Single());
        client.Turn.Mapped.ShouldBe(client.Address);

        client.Turn.Release();
        network.RunUntil(() => client.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        server.Allocations.ShouldBe(0);
        client.Turn.Failure.ShouldBeNull();
        client.Turn.NextTimeout.ShouldBe(TimeSpan.MaxValue);
    }

    [Fact]
    public void An_allocation_is_refreshed_for_an_hour_and_through_changes_of_nonce()
    {
        var client = Allocated();
        for (var minute = 0; minute < 60; minute++)
        {
            server.ChangeNonce();
            network.RunFor(TimeSpan.FromMinutes(1));
        }

        client.Turn.State.ShouldBe(TurnState.Allocated);
        server.Allocations.ShouldBe(1);
        server.Refreshes.ShouldBeInRange(6, 7);
    }

    [Fact]
    public void The_first_packet_needs_no_answer_before_it_and_a_channel_saves_the_rest_the_header()
    {
        var client = Allocated();
        var peer = new Echo(network, Peer);

        client.Send(network, Peer, [1, 2, 3]);
        var sentAt = network.Now;
        network.RunUntil(() => client.Received.Count == 1, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        (network.Now - sentAt).ShouldBe(2 * RoundTrip);
        client.Received[0].From.ShouldBe(Peer);
        client.Received[0].Bytes.ShouldBe([1, 2, 3]);
        (server.DataIndications, server.ChannelMessages).ShouldBe((1, 0));

        client.Turn.BindChannel(network.Now, Peer);
        network.Flush();
        network.RunFor(RoundTrip);
        client.Send(network, Peer, [4, 5]);
        network.RunUntil(() => client.Received.Count == 2, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        client.Received[1].Bytes.ShouldBe([4, 5]);
        (server.DataIndications, server.ChannelMessages).ShouldBe((1, 1));
        peer.Received.ShouldBe(2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_peer_that_is_spoken_to_stays_permitted_and_one_that_is_not_lapses(bool speaks)
    {
        var client = Allocated();
        var peer = new Echo(network, Peer);
        client.Turn.BindChannel(network.Now, Peer);
        network.Flush();
        for (var second = 0; second < 1800; second += 5)
        {
            network.RunFor(TimeSpan.FromSeconds(5));
            if (speaks)
                client.Send(network, Peer, [1]);
        }
        network.RunFor(RoundTrip * 2);

        client.Received.Count.ShouldBe(speaks ? 360 : 0);
        peer.SendTo(client.Turn.Relayed, [7]);
        network.Flush();
        network.RunFor(RoundTrip * 2);
        client.Received.Count.ShouldBe(speaks ? 361 : 0);
    }

    [Fact]
    public void Packets_from_another_port_of_a_permitted_peer_are_taken_and_strangers_are_not()
    {
        var client = Allocated();
        var other = new Echo(network, Peer with { Port = 9001 });
        var stranger = new Echo(network, TransportAddress.From(IPEndPoint.Parse("203.0.113.10:9000")));
        client.Send(network, Peer, [1]);
        network.RunFor(RoundTrip);

        other.SendTo(client.Turn.Relayed, [2]);
        stranger.SendTo(client.Turn.Relayed, [3]);
        network.Flush();
        network.RunFor(RoundTrip * 2);

        client.Received.Single().From.ShouldBe(other.Address);
    }

    [Theory]
    [InlineData(401, "user name or the password")]
    [InlineData(403, "forbids")]
    [InlineData(440, "family")]
    [InlineData(442, "UDP")]
    [InlineData(486, "as many allocations")]
    [InlineData(508, "capacity")]
    [InlineData(500, "error 500")]
    public void A_refusal_is_told_with_its_reason(int code, string reason)
    {
        if (code == 401)
            server.CurrentPassword = "other";
        else
            server.Refuses = (StunErrorCode)code;
        var client = Start();

        network.RunUntil(() => client.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(5)).ShouldBeTrue();

        client.Turn.Failure!.Code.ShouldBe((StunErrorCode)code);
        client.Turn.Failure.Message.ShouldContain(reason);
        client.Events.ShouldBe([new(TurnEventKind.Failed)]);
    }

    [Fact]
    public void An_alternate_server_is_named_and_a_port_in_use_asks_for_another()
    {
        server.Refuses = StunErrorCode.TryAlternate;
        server.Alternate = TransportAddress.From(IPEndPoint.Parse("198.51.100.2:3479"));
        var sentOn = Start();
        network.RunUntil(() => sentOn.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        sentOn.Events.ShouldBe([new(TurnEventKind.Reconnect, server.Alternate)]);

        server.Refuses = StunErrorCode.AllocationMismatch;
        var inUse = Start("192.0.2.2:5000");
        network.RunUntil(() => inUse.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        inUse.Events.ShouldBe([new(TurnEventKind.Reconnect)]);
    }

    [Fact]
    public void A_server_that_lost_the_allocation_is_believed_at_the_next_refresh()
    {
        var client = Allocated();
        server.Forget();

        network.RunUntil(() => client.Turn.State == TurnState.Closed, TimeSpan.FromMinutes(10)).ShouldBeTrue();

        client.Turn.Failure!.Code.ShouldBe(StunErrorCode.AllocationMismatch);
    }

    [Fact]
    public void A_silent_server_is_given_up_and_an_allocation_lost_when_it_lapses()
    {
        network.Drop = (_, source, _) => source == server.Address;
        var never = Start();
        network.RunUntil(() => never.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(15)).ShouldBeTrue();
        never.Turn.Failure!.Message.ShouldContain("does not answer");
        never.Sent.ShouldBe(TurnOptions.Default.MaxTransmissions);

        network.Drop = null;
        var client = Allocated("192.0.2.2:5000");
        var allocatedAt = network.Now;
        network.Drop = (_, source, _) => source == server.Address;
        network.RunUntil(() => client.Turn.State == TurnState.Closed, TimeSpan.FromMinutes(11)).ShouldBeTrue();
        client.Turn.Failure!.Message.ShouldContain("lapsed");
        (network.Now - allocatedAt).ShouldBeInRange(TimeSpan.FromMinutes(9.9), TimeSpan.FromMinutes(10));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fresh_credentials_are_asked_for_before_these_expire_and_tried_at_once(bool tied)
    {
        server.TiesAllocationsToUsers = tied;
        var client = Start(credentials: Good with { ExpiresAt = TimeSpan.FromMinutes(30) });
        network.RunUntil(() => client.Events.Any(e => e.Kind == TurnEventKind.CredentialsExpiring), TimeSpan.FromHours(1)).ShouldBeTrue();
        network.Now.ShouldBe(TimeSpan.FromMinutes(30) - TurnOptions.Default.CredentialMargin);

        client.Turn.SetCredentials(network.Now, Good with { Username = "fresh", ExpiresAt = TimeSpan.FromHours(1) });
        network.Flush();
        network.RunFor(TimeSpan.FromMinutes(25));

        client.Turn.State.ShouldBe(TurnState.Allocated);
        server.Users[^1].ShouldBe(tied ? TurnServerEndpoint.Username : "fresh");
        server.Refused.ShouldBe(tied ? 1 : 0);
    }

    [Fact]
    public void Fresh_credentials_that_come_during_a_refresh_do_not_cost_the_allocation()
    {
        server.TiesAllocationsToUsers = true;
        var client = Allocated();
        var sent = client.Sent;
        network.RunUntil(() => client.Sent > sent, TimeSpan.FromMinutes(10)).ShouldBeTrue();

        client.Turn.SetCredentials(network.Now, Good with { Username = "fresh" });
        network.Flush();
        network.RunFor(TimeSpan.FromMinutes(25));

        client.Turn.State.ShouldBe(TurnState.Allocated);
        server.Refused.ShouldBe(1);
    }

    [Fact]
    public void Lost_messages_are_sent_again_and_cost_no_more_than_time()
    {
        // Every seed is a run of its own that comes out the same each time.
        for (var seed = 0; seed < 100; seed++)
        {
            var lossy = new SimulatedNetwork(seed, new() { Loss = 0.2, Duplication = 0.1, Reordering = 0.2 });
            var relay = new TurnServerEndpoint(lossy, "198.51.100.1:3478");
            var client = new Client(lossy, TransportAddress.From(IPEndPoint.Parse("192.0.2.1:5000")), Good, seed);
            client.Turn.Allocate(lossy.Now);
            lossy.RunUntil(() => client.Turn.State != TurnState.Allocating, TimeSpan.FromSeconds(20)).ShouldBeTrue();
            client.Turn.State.ShouldBe(TurnState.Allocated, $"seed {seed}: {client.Turn.Failure}");
            lossy.Now.ShouldBeLessThan(TimeSpan.FromSeconds(8));

            lossy.RunFor(TimeSpan.FromMinutes(30));
            client.Turn.State.ShouldBe(TurnState.Allocated, $"seed {seed}: {client.Turn.Failure}");
            relay.Allocations.ShouldBe(1);
        }
    }

    [Fact]
    public void Over_a_stream_nothing_is_sent_twice_and_silence_ends_it()
    {
        network.Drop = (_, source, _) => source == server.Address;
        var client = Start(isStream: true);

        network.RunUntil(() => client.Turn.State == TurnState.Closed, TimeSpan.FromSeconds(15)).ShouldBeTrue();

        client.Sent.ShouldBe(1);
        network.Now.ShouldBe(TurnOptions.Default.StreamTimeout);
    }

    [Fact]
    public void Peers_are_bounded()
    {
        var client = Allocated();
        Span<byte> buffer = stackalloc byte[100];
        for (var port = 1; port <= TurnOptions.Default.MaxPeers; port++)
            client.Turn.TryWrap(network.Now, Peer with { Port = (ushort)port }, [1], buffer, out _).ShouldBeTrue();

        client.Turn.TryWrap(network.Now, Peer, [1], buffer, out _).ShouldBeFalse();
    }

    private Client Start(string address = "192.0.2.1:5000", TurnCredentials? credentials = null, bool isStream = false)
    {
        var client = new Client(network, TransportAddress.From(IPEndPoint.Parse(address)), credentials ?? Good, 1, isStream);
        client.Turn.Allocate(network.Now);
        return client;
    }

    private Client Allocated(string address = "192.0.2.1:5000")
    {
        var client = Start(address);
        network.RunUntil(() => client.Turn.State == TurnState.Allocated, TimeSpan.FromSeconds(1)).ShouldBeTrue();
        return client;
    }

    private sealed class Client : ISimulatedEndpoint
    {
        private readonly Queue<byte[]> packets = new();

        public Client(SimulatedNetwork network, TransportAddress address, TurnCredentials credentials, int seed, bool isStream = false)
        {
            var random = new Random(seed);
            Address = address;
            Turn = new(TurnOptions.Default, credentials, isStream, bytes => random.NextBytes(bytes));
            network.Attach(address, this);
        }

        public TransportAddress Address { get; }
        public TurnClient Turn { get; }
        public int Sent { get; private set; }
        public List<TurnEvent> Events { get; } = [];
        public List<(TransportAddress From, byte[] Bytes)> Received { get; } = [];
        public TimeSpan NextTimeout => Turn.NextTimeout;

        public void Send(SimulatedNetwork network, TransportAddress peer, byte[] packet)
        {
            Span<byte> buffer = stackalloc byte[1500];
            Turn.TryWrap(network.Now, peer, packet, buffer, out var length).ShouldBeTrue();
            packets.Enqueue(buffer[..length].ToArray());
            network.Flush();
        }

        public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
        {
            if (Turn.HandleMessage(now, datagram, out var from, out var packet))
                Received.Add((from, packet.ToArray()));
        }

        public void HandleTimeout(TimeSpan now) => Turn.HandleTimeout(now);

        public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
        {
            remote = TransportAddress.From(IPEndPoint.Parse("198.51.100.1:3478"));
            while (Turn.TryReadEvent(out var change))
                Events.Add(change);
            if (Turn.TryWriteMessage(now, destination, out written))
            {
                Sent++;
                return true;
            }
            if (!packets.TryDequeue(out var packet))
                return false;
            packet.CopyTo(destination);
            written = packet.Length;
            return true;
        }
    }

    /// <summary>A peer that sends back what it gets.</summary>
    private sealed class Echo : ISimulatedEndpoint
    {
        private readonly Queue<(TransportAddress To, byte[] Bytes)> output = new();

        public Echo(SimulatedNetwork network, TransportAddress address)
        {
            Address = address;
            network.Attach(address, this);
        }

        public TransportAddress Address { get; }
        public int Received { get; private set; }
        public TimeSpan NextTimeout => TimeSpan.MaxValue;

        public void SendTo(TransportAddress to, byte[] bytes) => output.Enqueue((to, bytes));

        public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
        {
            Received++;
            output.Enqueue((source, datagram.ToArray()));
        }

        public void HandleTimeout(TimeSpan now)
        {
        }

        public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
        {
            (written, remote) = (0, default);
            if (!output.TryDequeue(out var next))
                return false;
            next.Bytes.CopyTo(destination);
            (written, remote) = (next.Bytes.Length, next.To);
            return true;
        }
    }
}
