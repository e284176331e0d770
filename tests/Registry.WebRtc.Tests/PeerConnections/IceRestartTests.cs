using System.Buffers.Binary;
using System.Net;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>ICE restarts of whole connections over an in-memory link that the tests can cut.</summary>
public sealed class IceRestartTests : IAsyncLifetime
{
    private static readonly PeerConnectionConfiguration Quick = new()
    {
        ConsentInterval = TimeSpan.FromMilliseconds(50),
        DisconnectedTimeout = TimeSpan.FromMilliseconds(300),
    };

    private readonly InMemoryLink link = new();
    private readonly PeerConnectionFactory a;
    private readonly PeerConnectionFactory b;
    private readonly IPeerConnection offerer;
    private readonly IPeerConnection answerer;
    private IDataChannel sending = null!;
    private IDataChannel receiving = null!;
    private volatile bool isCut;

    public IceRestartTests()
    {
        link.OnTheWay = datagram => isCut ? [] : [datagram];
        a = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.1")] }, link.A);
        b = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.2")] }, link.B);
        offerer = a.CreatePeerConnection(Quick);
        answerer = b.CreatePeerConnection(Quick);
    }

    public async Task InitializeAsync()
    {
        var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += channel => received.TrySetResult(channel);
        sending = offerer.CreateDataChannel("test");
        await SignalAsync(offerer, answerer);
        await sending.WaitForOpenAsync().WaitAsync(Patience);
        receiving = await received.Task.WaitAsync(Patience);
    }

    public async Task DisposeAsync()
    {
        await a.DisposeAsync();
        await b.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Messages_go_on_over_any_number_of_restarts_by_either_side(bool byOfferer)
    {
        const int restarts = 5;
        const int messages = 2000;
        var arriving = ReceiveNumbersAsync(messages);
        var leaving = Task.Run(async () =>
        {
            for (var i = 0; i < messages; i++)
                await SendNumberAsync(i);
        });
        var fragments = new HashSet<string>();
        for (var i = 0; i < restarts; i++)
        {
            var (restarting, other) = byOfferer ? (offerer, answerer) : (answerer, offerer);
            await RestartAsync(restarting, other);
            fragments.Add(FragmentOf(offerer)).ShouldBeTrue();
            fragments.Add(FragmentOf(answerer)).ShouldBeTrue();
        }

        await leaving.WaitAsync(Patience);
        (await arriving.WaitAsync(Patience)).ShouldBe(Enumerable.Range(0, messages));
        offerer.ConnectionState.ShouldBe(PeerConnectionState.Connected);
        await UntilAsync(() => a.Demultiplexer.FragmentCount == 1 && b.Demultiplexer.FragmentCount == 1);
        a.Demultiplexer.AddressCount.ShouldBe(1);
    }

    [Fact]
    public async Task A_path_that_was_cut_is_found_again()
    {
        isCut = true;
        await UntilAsync(() => offerer.ConnectionState == PeerConnectionState.Disconnected && answerer.ConnectionState == PeerConnectionState.Disconnected);
        await SendNumberAsync(1);
        isCut = false;
        await RestartAsync(offerer, answerer);

        await UntilAsync(() => offerer.ConnectionState == PeerConnectionState.Connected && answerer.ConnectionState == PeerConnectionState.Connected);
        (await ReceiveNumbersAsync(1).WaitAsync(Patience)).ShouldBe([1]);
    }

    [Fact]
    public async Task A_restart_that_is_never_answered_leaves_the_path_as_it_is_and_can_be_repeated()
    {
        for (var i = 0; i < 3; i++)
        {
            offerer.RestartIce();
            await offerer.SetLocalDescriptionAsync(await offerer.CreateOfferAsync());
            await SendNumberAsync(i);
            (await ReceiveNumbersAsync(1).WaitAsync(Patience)).ShouldBe([i]);
            offerer.IceConnectionState.ShouldBeOneOf(IceConnectionState.Connected, IceConnectionState.Completed);
        }

        await RestartAsync(offerer, answerer);
        await UntilAsync(() => a.Demultiplexer.FragmentCount == 1);
    }

    [Fact]
    public async Task An_answer_with_the_old_credentials_is_refused_and_the_path_stays()
    {
        var old = offerer.RemoteDescription!;
        offerer.RestartIce();
        await offerer.SetLocalDescriptionAsync(await offerer.CreateOfferAsync());

        (await Should.ThrowAsync<InvalidOperationException>(async () => await offerer.SetRemoteDescriptionAsync(old))).Message.ShouldContain("a=ice-ufrag");
        await SendNumberAsync(7);
        (await ReceiveNumbersAsync(1).WaitAsync(Patience)).ShouldBe([7]);
    }

    [Fact]
    public async Task An_offer_with_another_certificate_is_refused()
    {
        await using var stranger = CreateFactory();
        var connection = stranger.CreatePeerConnection();
        connection.CreateDataChannel("test");
        var offer = await connection.CreateOfferAsync();

        (await Should.ThrowAsync<InvalidOperationException>(async () => await answerer.SetRemoteDescriptionAsync(offer))).Message.ShouldContain("a=fingerprint");
        answerer.SignalingState.ShouldBe(SignalingState.Stable);
    }

    [Fact]
    public async Task A_restart_while_the_path_is_cut_succeeds_when_it_is_back()
    {
        isCut = true;
        offerer.RestartIce();
        await offerer.SetLocalDescriptionAsync(await offerer.CreateOfferAsync());
        await answerer.SetRemoteDescriptionAsync(offerer.LocalDescription!);
        await answerer.SetLocalDescriptionAsync(await answerer.CreateAnswerAsync());
        await offerer.SetRemoteDescriptionAsync(answerer.LocalDescription!);
        await UntilAsync(() => offerer.ConnectionState == PeerConnectionState.Disconnected);
        isCut = false;
        await UntilAsync(() => offerer.ConnectionState == PeerConnectionState.Connected);
    }

    private static async Task RestartAsync(IPeerConnection restarting, IPeerConnection other)
    {
        restarting.RestartIce();
        var offer = await restarting.CreateOfferAsync();
        await restarting.SetLocalDescriptionAsync(offer);
        await other.SetRemoteDescriptionAsync(offer);
        var answer = await other.CreateAnswerAsync();
        await other.SetLocalDescriptionAsync(answer);
        await restarting.SetRemoteDescriptionAsync(answer);
    }

    private static string FragmentOf(IPeerConnection connection) =>
        connection.LocalDescription!.Sdp.Split("\r\n").Single(line => line.StartsWith("a=ice-ufrag:", StringComparison.Ordinal));

    private async Task SendNumberAsync(int number)
    {
        var message = new byte[1000];
        BinaryPrimitives.WriteInt32BigEndian(message, number);
        await sending.SendAsync(message);
    }

    private async Task<List<int>> ReceiveNumbersAsync(int count)
    {
        var numbers = new List<int>();
        while (numbers.Count < count && await receiving.ReceiveAsync() is { } message)
        {
            numbers.Add(BinaryPrimitives.ReadInt32BigEndian(message.Data.Span));
            message.Dispose();
        }
        return numbers;
    }
}
