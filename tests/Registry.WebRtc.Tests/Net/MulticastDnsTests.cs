using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Registry.WebRtc.Net;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.Net;

public sealed class MulticastDnsTests : IDisposable
{
    private const string Name = "6a5ed4f6-bd9c-4a79-9f0e-2a1c84d5b5c9.local";

    private readonly MulticastDnsResponder responder = new();
    private readonly FakeTimeProvider time = new();
    private readonly MulticastDnsResolver resolver;

    public MulticastDnsTests() => resolver = new(() => [IPAddress.Loopback, IPAddress.IPv6Loopback], responder.Group, time, NullLogger.Instance);

    public void Dispose()
    {
        resolver.Dispose();
        responder.Dispose();
    }

    [Theory]
    [InlineData(Name, true)]
    [InlineData("printer.LOCAL", true)]
    [InlineData(".local", false)]
    [InlineData("local", false)]
    [InlineData("a.b.local", false)]
    [InlineData("a.local.", false)]
    [InlineData("a_b.local", false)]
    [InlineData("a.localhost", false)]
    [InlineData("example.com", false)]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123.local", false)]
    public void Only_one_label_before_local_is_a_name(string text, bool expected) => MulticastDnsMessage.IsName(text).ShouldBe(expected);

    [Fact]
    public async Task A_name_is_resolved_once_for_all_who_ask_and_the_socket_closed()
    {
        responder.Answers = name => [MulticastDnsResponder.Says(name, "192.0.2.7")];

        var both = await Task.WhenAll(resolver.ResolveAsync(Name), resolver.ResolveAsync(Name.ToUpperInvariant())).WaitAsync(Patience);

        both.ShouldBe([IPAddress.Parse("192.0.2.7"), IPAddress.Parse("192.0.2.7")]);
        responder.Questions.ShouldHaveSingleItem();
        await UntilAsync(() => !resolver.IsOpen);
    }

    [Fact]
    public async Task Of_several_addresses_the_first_of_IPv6_is_taken()
    {
        responder.Answers = name => [MulticastDnsResponder.Says(name, "192.0.2.7", "2001:db8::7", "2001:db8::8")];

        (await resolver.ResolveAsync(Name).WaitAsync(Patience)).ShouldBe(IPAddress.Parse("2001:db8::7"));
    }

    [Fact]
    public async Task An_answer_to_a_repeated_question_counts()
    {
        responder.Answers = name => responder.Questions.Count == 1 ? [] : [MulticastDnsResponder.Says(name, "192.0.2.7")];

        var answer = resolver.ResolveAsync(Name);
        await UntilAsync(() => responder.Questions.Count == 1);
        time.Advance(TimeSpan.FromSeconds(1));

        (await answer.WaitAsync(Patience)).ShouldBe(IPAddress.Parse("192.0.2.7"));
    }

    [Fact]
    public async Task What_is_no_answer_to_the_question_is_ignored()
    {
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        stranger.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, IPAddress.Loopback.GetAddressBytes());
        responder.Answers = name =>
        {
            stranger.SendTo(MulticastDnsResponder.Says(name, "192.0.2.66"), responder.Group);   // from another port
            return
            [
                MulticastDnsResponder.Says("other.local", "192.0.2.66"),
                MulticastDnsResponder.Says(0x8403, name, "192.0.2.66"),   // an error
                MulticastDnsResponder.Says(0x0000, name, "192.0.2.66"),   // a question
                MulticastDnsResponder.Says("www." + name, "192.0.2.66"),
                MulticastDnsResponder.Says(name, "192.0.2.66")[..^1],
                [],
                MulticastDnsResponder.Says(name, "192.0.2.7"),
            ];
        };

        (await resolver.ResolveAsync(Name).WaitAsync(Patience)).ShouldBe(IPAddress.Parse("192.0.2.7"));
    }

    [Fact]
    public async Task A_name_that_nobody_has_is_given_up_after_seven_seconds()
    {
        var answer = resolver.ResolveAsync(Name);
        await UntilAsync(() => responder.Questions.Count == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => responder.Questions.Count == 2);
        time.Advance(TimeSpan.FromSeconds(2));
        await UntilAsync(() => responder.Questions.Count == 3);
        time.Advance(TimeSpan.FromSeconds(4));

        (await answer.WaitAsync(Patience)).ShouldBeNull();
        resolver.IsOpen.ShouldBeFalse();
    }

    [Fact]
    public async Task Questions_are_bounded()
    {
        var asked = Enumerable.Range(0, 65).Select(i => resolver.ResolveAsync($"name-{i}.local")).ToArray();

        asked[^1].IsCompletedSuccessfully.ShouldBeTrue();
        resolver.Dispose();
        (await Task.WhenAll(asked).WaitAsync(Patience)).ShouldAllBe(address => address == null);
    }

    [Fact]
    public void Damaged_answers_are_read_or_refused_and_no_more()
    {
        var random = new Random(7);
        var answer = MulticastDnsResponder.Says(Name, "192.0.2.7", "2001:db8::7");
        MulticastDnsMessage.ReadAddresses(answer).Count.ShouldBe(2);
        for (var i = 0; i < 20_000; i++)
        {
            var damaged = answer[..random.Next(answer.Length + 1)];
            for (var flips = random.Next(4); flips > 0 && damaged.Length > 0; flips--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            MulticastDnsMessage.ReadAddresses(damaged).TrueForAll(found => MulticastDnsMessage.IsName(found.Name)).ShouldBeTrue();
        }
        // A name that points at itself, and one that points at one that points back.
        byte[] header = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        MulticastDnsMessage.ReadAddresses([.. header, 0xC0, 12, 0, 1, 0, 1]).ShouldBeEmpty();
        MulticastDnsMessage.ReadAddresses([.. header, 1, (byte)'a', 0xC0, 12, 0, 1, 0, 1]).ShouldBeEmpty();
    }

    /// <summary>The answerer knows no address of the offerer, so that only the offerer's checks to the name can connect them.</summary>
    [Fact]
    public async Task A_peer_that_hides_its_address_behind_a_name_is_reached()
    {
        responder.Answers = name => [MulticastDnsResponder.Says(name, "127.0.0.1")];
        await using var hidden = new HiddenPair(responder);

        await hidden.ConnectAsync(Name, answererKnowsOfferer: false);

        hidden.Offerer.SelectedCandidatePair!.Remote.Address.ShouldBe(Name);
        responder.Questions.ShouldBe([Name]);
    }

    [Theory]
    [InlineData(Name, true)]   // nobody answers
    [InlineData(Name, false)]
    [InlineData("peer.example", true)]
    [InlineData("localhost", true)]
    public async Task A_name_that_is_not_resolved_is_ignored_and_the_peers_own_checks_connect(string name, bool resolves)
    {
        await using var hidden = new HiddenPair(responder, resolves);

        await hidden.ConnectAsync(name, answererKnowsOfferer: true);

        hidden.Offerer.SelectedCandidatePair!.Remote.Type.ShouldBe(IceCandidateType.PeerReflexive);
        if (name != Name || !resolves)
            responder.Questions.ShouldBeEmpty();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    /// <summary>Two connections on loopback; the offerer is told a name in place of the answerer's address.</summary>
    private sealed class HiddenPair : IAsyncDisposable
    {
        private readonly PeerConnectionFactory offering;
        private readonly PeerConnectionFactory answering;

        public HiddenPair(MulticastDnsResponder responder, bool resolves = true)
        {
            var options = new PeerConnectionFactoryOptions { BindAddress = IPAddress.Loopback, HostAddresses = [IPAddress.Loopback], MulticastDnsGroup = responder.Group };
            offering = PeerConnectionFactory.Create(options with { ResolveLocalNames = resolves });
            answering = PeerConnectionFactory.Create(options);
            Offerer = offering.CreatePeerConnection();
        }

        public IPeerConnection Offerer { get; }

        public async Task ConnectAsync(string name, bool answererKnowsOfferer)
        {
            var answerer = answering.CreatePeerConnection();
            var channel = Offerer.CreateDataChannel("test");
            var offer = await Offerer.CreateOfferAsync();
            await Offerer.SetLocalDescriptionAsync(offer);
            await answerer.SetRemoteDescriptionAsync(answererKnowsOfferer ? Offerer.LocalDescription! : offer);
            await answerer.SetLocalDescriptionAsync(await answerer.CreateAnswerAsync());
            var answer = answerer.LocalDescription!;
            answer.Sdp.ShouldContain(" 127.0.0.1 ");
            await Offerer.SetRemoteDescriptionAsync(answer with { Sdp = answer.Sdp.Replace(" 127.0.0.1 ", $" {name} ", StringComparison.Ordinal) });
            await channel.WaitForOpenAsync().WaitAsync(Patience);
        }

        public async ValueTask DisposeAsync()
        {
            await offering.DisposeAsync();
            await answering.DisposeAsync();
        }
    }
}
