using System.Collections.Concurrent;
using System.Threading.Channels;
using Registry.WebRtc;

namespace Registry.Interop.Tests;

/// <summary>A peer connection inside a <see cref="ForeignPeer"/>.</summary>
internal sealed class ForeignConnection(ForeignPeer peer, int number) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Channel<PeerEvent>> mailboxes = new();
    private volatile Exception? ended;
    private bool closed;

    /// <summary>Number of the connection in the protocol.</summary>
    public int Number => number;

    /// <summary>The connection state the peer told last.</summary>
    public string State { get; private set; } = "new";

    /// <summary>Messages that arrived at the peer, all channels together.</summary>
    public int Messages { get; private set; }

    /// <summary>Tells, for a failure, where our side stands.</summary>
    public Func<string> OurSide { get; set; } = () => "";

    /// <summary>The peer it belongs to.</summary>
    public ForeignPeer Peer => peer;

    public Task CommandAsync(string command, Dictionary<string, object?> fields) => peer.CommandAsync(number, command, fields);

    /// <summary>Creates an offer, or the answer to the remote offer, and applies it in the peer.</summary>
    public async Task<SessionDescription> DescribeAsync(SdpType type)
    {
        await CommandAsync(type == SdpType.Offer ? "offer" : "answer", []);
        return new SessionDescription(type, (await NextAsync("description")).Sdp!);
    }

    /// <summary>Lets the peer restart ICE: creates and applies the offer.</summary>
    public async Task<SessionDescription> RestartAsync()
    {
        await CommandAsync("restart", []);
        return new SessionDescription(SdpType.Offer, (await NextAsync("description")).Sdp!);
    }

    public Task SetRemoteDescriptionAsync(SessionDescription description) =>
        CommandAsync("remote", new() { ["type"] = description.Type == SdpType.Offer ? "offer" : "answer", ["sdp"] = description.Sdp });

    /// <summary>Takes the next candidate the peer found; empty when there are no more.</summary>
    public async Task<string> NextCandidateAsync() => (await NextAsync("candidate")).Candidate!;

    public Task AddCandidateAsync(string candidate) => CommandAsync("candidate", new() { ["candidate"] = candidate, ["mid"] = "0" });

    public Task CreateChannelAsync(string label, DataChannelOptions options) => CommandAsync("channel", new()
    {
        ["channel"] = label,
        ["ordered"] = options.Ordered,
        ["maxRetransmits"] = options.MaxRetransmits,
        ["protocol"] = options.Protocol,
    });

    public Task<PeerEvent> ChannelOpenedAsync(string label) => NextAsync("channel-open", label);

    public Task<PeerEvent> ChannelClosedAsync(string label) => NextAsync("channel-closed", label);

    /// <summary>Takes the next message that arrived on the channel.</summary>
    public Task<PeerEvent> NextMessageAsync(string label) => NextAsync("message", label);

    /// <summary>Lets the peer send messages of <see cref="MessageContent"/>.</summary>
    public Task SendAsync(string label, int count, int size, DataChannelMessageType type = DataChannelMessageType.Binary) => CommandAsync("send", new()
    {
        ["channel"] = label,
        ["count"] = count,
        ["size"] = size,
        ["type"] = type == DataChannelMessageType.Text ? "text" : "binary",
    });

    /// <summary>Lets the peer send back every message it gets on the channel from now on.</summary>
    public Task EchoAsync(string label) => CommandAsync("echo", new() { ["channel"] = label, ["on"] = true });

    public Task CloseChannelAsync(string label) => CommandAsync("closeChannel", new() { ["channel"] = label });

    public async Task CloseAsync()
    {
        if (closed)
            return;
        closed = true;
        await CommandAsync("close", []);
    }

    /// <summary>Called by the peer with every event of this connection.</summary>
    public void Deliver(PeerEvent e)
    {
        if (e.Event == "message")
            Messages++;
        if (e.Event == "state")
            State = e.State!;
        else
            Mailbox(e.Event, e.Channel).Writer.TryWrite(e);
    }

    /// <summary>Called by the peer when its process is gone.</summary>
    public void End(Exception failure)
    {
        ended = failure;
        foreach (var mailbox in mailboxes.Values)
            mailbox.Writer.TryComplete(failure);
    }

    public async ValueTask DisposeAsync()
    {
        if (ended is null)
            await CloseAsync();
        peer.Forget(this);
    }

    private Task<PeerEvent> NextAsync(string name, string? channel = null)
    {
        var mailbox = Mailbox(name, channel);
        if (ended is { } failure)
            mailbox.Writer.TryComplete(failure);
        var what = channel is null ? $"to say '{name}'" : $"to say '{name}' of channel '{channel}'";
        return peer.WaitAsync(mailbox.Reader.ReadAsync().AsTask(), what, () => $"It is {State} and told {Messages} messages. {OurSide()}");
    }

    private Channel<PeerEvent> Mailbox(string name, string? channel) =>
        mailboxes.GetOrAdd($"{name} {channel}", _ => Channel.CreateUnbounded<PeerEvent>());
}
