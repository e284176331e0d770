using System.Net;
using System.Text;
using CsCheck;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Tests.Ice;

public sealed class IceAgentHostileTests
{
    private static readonly TransportAddress Peer = Address(1);
    private static readonly IceCredentials Remote = new("remoteFragment", "remotePasswordOf24Octets");

    private static TransportAddress Address(int n) => TransportAddress.From(new IPAddress([192, 0, (byte)(n >> 8), (byte)n]), 1024 + n);

    private static IceAgent Create(bool withRemote = true, IceRole role = IceRole.Controlled)
    {
        var random = new Random(1);
        var agent = new IceAgent(IceOptions.Default, new IceCredentials("localFragment", "localPasswordOf24Octets.."), 50, bytes => random.NextBytes(bytes)) { Role = role };
        if (withRemote)
            agent.SetRemoteCredentials(TimeSpan.Zero, Remote.UsernameFragment, Remote.Password, isLite: false);
        return agent;
    }

    private delegate void Attributes(ref StunWriter writer);

    private static byte[] Request(
        IceAgent agent, string? username = null, string? password = null, bool priority = true, int id = 1, Attributes? attributes = null)
    {
        var buffer = new byte[StunFormat.MaximumLength];
        var writer = new StunWriter(buffer, StunClass.Request, StunMethod.Binding, new StunTransactionId(1, (ulong)id));
        writer.WriteText(StunAttributeType.Username, username ?? $"{agent.LocalCredentials.UsernameFragment}:{Remote.UsernameFragment}");
        if (priority)
            writer.WriteUInt32(StunAttributeType.Priority, 1000);
        attributes?.Invoke(ref writer);
        return buffer[..writer.Finish(Encoding.UTF8.GetBytes(password ?? agent.LocalCredentials.Password))];
    }

    private static List<(byte[] Data, TransportAddress Remote)> Output(IceAgent agent, TimeSpan now = default)
    {
        List<(byte[], TransportAddress)> output = [];
        var buffer = new byte[StunFormat.MaximumLength];
        while (agent.TryWriteDatagram(now, buffer, out var written, out var remote))
            output.Add((buffer[..written], remote));
        return output;
    }

    private static StunErrorCode ErrorOf(byte[] datagram)
    {
        StunMessage.TryParse(datagram, out var message).ShouldBeTrue();
        return message.TryGetErrorCode(out var code) ? code : StunErrorCode.None;
    }

    [Fact]
    public void A_right_request_is_answered_and_checked_back()
    {
        var agent = Create();
        agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent));

        var output = Output(agent);

        output.Select(o => o.Remote).ShouldBe([Peer, Peer]);
        StunMessage.TryParse(output[0].Data, out var response).ShouldBeTrue();
        response.Class.ShouldBe(StunClass.SuccessResponse);
        response.TransactionId.ShouldBe(new StunTransactionId(1, 1));
        response.TryGetXorMappedAddress(out var mapped).ShouldBeTrue();
        mapped.ShouldBe(Peer);
        response.VerifyIntegrity(Encoding.UTF8.GetBytes(agent.LocalCredentials.Password)).ShouldBeTrue();
        StunMessage.TryParse(output[1].Data, out var check).ShouldBeTrue();
        check.Class.ShouldBe(StunClass.Request);
        check.VerifyIntegrity(Encoding.UTF8.GetBytes(Remote.Password)).ShouldBeTrue();
    }

    [Fact]
    public void Requests_that_are_not_authenticated_get_silence()
    {
        foreach (var early in new[] { true, false })
        {
            var agent = Create(withRemote: !early);
            agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, password: "wrongPasswordOf24Octets.."));
            agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, username: "someoneElse:remoteFragment"));
            agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, username: "localFragment"));
            agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, password: ""));
            agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent).AsSpan(0, 40));

            Output(agent).ShouldBeEmpty();
            Events(agent).ShouldNotContain(e => e.Kind == IceEventKind.RemoteAddressLearned);
        }
    }

    [Fact]
    public void A_request_for_another_remote_fragment_gets_silence()
    {
        var agent = Create();
        agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, username: "localFragment:otherFragment"));
        Output(agent).ShouldBeEmpty();
    }

    [Fact]
    public void A_request_without_priority_is_a_bad_request()
    {
        var agent = Create();
        agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, priority: false));
        ErrorOf(Output(agent).ShouldHaveSingleItem().Data).ShouldBe(StunErrorCode.BadRequest);
    }

    [Fact]
    public void An_unknown_required_attribute_is_named()
    {
        var agent = Create();
        agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, attributes: (ref w) => w.WriteUInt32((StunAttributeType)0x7001, 1)));

        var answer = Output(agent).ShouldHaveSingleItem().Data;

        ErrorOf(answer).ShouldBe(StunErrorCode.UnknownAttribute);
        StunMessage.TryParse(answer, out var message).ShouldBeTrue();
        message.TryGet(StunAttributeType.UnknownAttributes, out var unknown).ShouldBeTrue();
        unknown.ToArray().ShouldBe([0x70, 0x01]);
    }

    [Fact]
    public void Unknown_optional_attributes_are_skipped()
    {
        var agent = Create();
        agent.HandleDatagram(TimeSpan.Zero, Peer, Request(agent, attributes: (ref w) => w.WriteUInt32((StunAttributeType)0xC057, 1)));
        Output(agent).Count.ShouldBe(2);
    }

    [Fact]
    public void An_answer_counts_only_from_the_right_address_with_the_right_id_and_key()
    {
        var agent = Create();
        agent.AddRemoteCandidate(TimeSpan.Zero, IceCandidatePriority.CreateHost(Peer.Address, Peer.Port, 1));
        StunMessage.TryParse(Output(agent).ShouldHaveSingleItem().Data, out var check).ShouldBeTrue();
        var id = check.TransactionId;
        byte[] Answer(StunTransactionId id, string password)
        {
            var buffer = new byte[StunFormat.MaximumLength];
            var writer = new StunWriter(buffer, StunClass.SuccessResponse, StunMethod.Binding, id);
            writer.WriteXorMappedAddress(Peer);
            return buffer[..writer.Finish(Encoding.UTF8.GetBytes(password))];
        }

        agent.HandleDatagram(TimeSpan.Zero, Address(2), Answer(id, Remote.Password));
        agent.HandleDatagram(TimeSpan.Zero, Peer, Answer(new StunTransactionId(9, 9), Remote.Password));
        agent.HandleDatagram(TimeSpan.Zero, Peer, Answer(default, Remote.Password));
        agent.HandleDatagram(TimeSpan.Zero, Peer, Answer(id, agent.LocalCredentials.Password));
        agent.HandleDatagram(TimeSpan.Zero, Peer, Answer(id, ""));
        agent.SelectedRemote.ShouldBeNull();

        agent.HandleDatagram(TimeSpan.Zero, Peer, Answer(id, Remote.Password));
        agent.SelectedRemote.ShouldBe(Peer);
    }

    [Fact]
    public void An_authenticated_peer_cannot_grow_the_agent_without_bound()
    {
        var agent = Create();
        var learned = 0;
        for (var n = 0; n < 5000; n++)
        {
            agent.HandleDatagram(TimeSpan.FromMilliseconds(n), Address(n), Request(agent, id: n));
            Output(agent, TimeSpan.FromMilliseconds(n)).Count.ShouldBeLessThan(150);
            learned += Learned(Events(agent));
        }
        learned.ShouldBeInRange(1, IceOptions.Default.MaxPairs);
    }

    /// <summary>Who knows the credentials may forge the sender of his checks; what they make the agent send to that address is bounded by what he sends.</summary>
    [Theory]
    [InlineData(1, 9)] // the answer, and a somewhat longer check seven times
    [InlineData(100, 2.5)]
    public void An_address_that_never_answers_gets_little_more_than_what_came_from_it(int checks, double factor)
    {
        var agent = Create();
        double received = 0, sent = 0;
        for (var (now, n) = (TimeSpan.Zero, 0); now < TimeSpan.FromMinutes(2); now += TimeSpan.FromMilliseconds(10), n++)
        {
            if (n < checks)
            {
                var request = Request(agent, id: n + 1);
                received += request.Length;
                agent.HandleDatagram(now, Peer, request);
            }
            agent.HandleTimeout(now);
            sent += Output(agent, now).Sum(o => o.Data.Length);
        }

        sent.ShouldBeInRange(received / 2, factor * received);
        agent.State.ShouldBe(IceConnectionState.Failed);
    }

    [Fact]
    public void Early_checks_candidates_and_waiting_answers_are_bounded()
    {
        var agent = Create(withRemote: false);
        for (var n = 0; n < 1000; n++)
        {
            agent.HandleDatagram(TimeSpan.Zero, Address(n), Request(agent, id: n));
            agent.AddRemoteCandidate(TimeSpan.Zero, IceCandidatePriority.CreateHost(Address(2000 + n).Address, 5000, 1));
        }

        Events(agent).Count.ShouldBe(IceOptions.Default.MaxEarlyChecks);
        Output(agent).Count.ShouldBe(IceOptions.Default.MaxQueuedResponses);
        agent.SetRemoteCredentials(TimeSpan.Zero, Remote.UsernameFragment, Remote.Password, isLite: false);
        HashSet<TransportAddress> asked = [];
        for (var now = TimeSpan.Zero; now < TimeSpan.FromSeconds(20); now += TimeSpan.FromMilliseconds(5))
        {
            agent.HandleTimeout(now);
            asked.UnionWith(Output(agent, now).Select(o => o.Remote));
        }
        asked.Count.ShouldBe(IceOptions.Default.MaxEarlyChecks + IceOptions.Default.MaxRemoteCandidates);
    }

    [Fact]
    public void A_peer_that_always_claims_a_conflict_is_given_up()
    {
        var agent = Create();
        agent.AddRemoteCandidate(TimeSpan.Zero, IceCandidatePriority.CreateHost(Peer.Address, Peer.Port, 1));
        var requests = 0;
        var now = TimeSpan.Zero;
        for (var output = Output(agent, now); output.Count > 0; output = Output(agent, now))
        {
            foreach (var (data, _) in output)
            {
                (++requests).ShouldBeLessThan(10);
                StunMessage.TryParse(data, out var check).ShouldBeTrue();
                var buffer = new byte[StunFormat.MaximumLength];
                var writer = new StunWriter(buffer, StunClass.ErrorResponse, StunMethod.Binding, check.TransactionId);
                writer.WriteErrorCode(StunErrorCode.RoleConflict, "");
                agent.HandleDatagram(now, Peer, buffer.AsSpan(0, writer.Finish(Encoding.UTF8.GetBytes(Remote.Password))));
            }
            now += TimeSpan.FromMilliseconds(10);
            agent.HandleTimeout(now);
        }
        requests.ShouldBeGreaterThan(1);
    }

    [Fact]
    public void Hostile_datagrams_neither_throw_nor_move_the_agent()
    {
        Gen.Select(Gen.Byte.Array[0, 120], Gen.Select(Gen.Int[0, 119], Gen.Byte).Array[1, 8], Gen.Int[0, 2]).Sample((noise, changes, kind) =>
        {
            var agent = Create();
            agent.AddRemoteCandidate(TimeSpan.Zero, IceCandidatePriority.CreateHost(Peer.Address, Peer.Port, 1));
            var check = Output(agent)[0].Data;
            var datagram = kind switch { 0 => noise, 1 => Request(agent), _ => check };
            var original = (byte[])datagram.Clone();
            if (kind != 0)
            {
                // FINGERPRINT, the last eight bytes, is checked only where it is still recognisable.
                foreach (var (index, value) in changes)
                    datagram[index % (datagram.Length - 8)] = value;
            }
            Events(agent);

            agent.HandleDatagram(TimeSpan.Zero, Peer, datagram);

            if (!datagram.AsSpan().SequenceEqual(original) || kind == 0)
            {
                Events(agent).ShouldBeEmpty();
                Output(agent).ShouldBeEmpty();
            }
            agent.SelectedRemote.ShouldBeNull();
        }, iter: 5_000);
    }

    [Fact]
    public void Consent_and_answers_allocate_nothing()
    {
        var network = new IceNetwork(1);
        var (a, b) = (network.Add("192.0.2.1:5000", IceRole.Controlling), network.Add("192.0.2.2:6000", IceRole.Controlled));
        a.KnowsCredentialsOf(b).KnowsCandidatesOf(b);
        b.KnowsCredentialsOf(a).KnowsCandidatesOf(a);
        network.Run(TimeSpan.FromMilliseconds(20)).ShouldBeTrue();
        var (now, buffer, exchanged) = (network.Now, new byte[StunFormat.MaximumLength], 0);
        void Exchange()
        {
            now += TimeSpan.FromSeconds(6.5);
            a.Agent.HandleTimeout(now);
            b.Agent.HandleTimeout(now);
            for (var moved = true; moved;)
            {
                moved = false;
                while (a.Agent.TryWriteDatagram(now, buffer, out var written, out _))
                {
                    b.Agent.HandleDatagram(now, a.Address, buffer.AsSpan(0, written));
                    moved = true;
                    exchanged++;
                }
                while (b.Agent.TryWriteDatagram(now, buffer, out var written, out _))
                {
                    a.Agent.HandleDatagram(now, b.Address, buffer.AsSpan(0, written));
                    moved = true;
                    exchanged++;
                }
            }
        }

        for (var i = 0; i < 20; i++)
            Exchange();
        var before = GC.GetAllocatedBytesForCurrentThread();
        exchanged = 0;
        for (var i = 0; i < 100; i++)
            Exchange();
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        exchanged.ShouldBe(400);
        allocated.ShouldBe(0);
    }

    private static List<IceEvent> Events(IceAgent agent)
    {
        List<IceEvent> events = [];
        while (agent.TryReadEvent(out var e))
            events.Add(e);
        return events;
    }

    private static int Learned(List<IceEvent> events) =>
        events.Count(e => e.Kind == IceEventKind.RemoteAddressLearned) - events.Count(e => e.Kind == IceEventKind.RemoteAddressForgotten);
}
