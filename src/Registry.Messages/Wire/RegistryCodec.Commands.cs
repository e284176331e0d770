using System.Net;
using System.Net.Sockets;
using Google.Protobuf;

namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static V1.CreateTube Write(CreateTube command)
    {
        var wire = new V1.CreateTube
        {
            ConversationId = command.ConversationId.ToString(),
            Settings = Write(command.Settings),
            TrickleIce = command.TrickleIce,
        };
        if (command.Offer is { } offer)
            wire.Offer = offer;
        if (command.TubeId is { } tube)
            wire.TubeId = tube.ToString();
        if (command.RequestKey is { } key)
            wire.RequestKey = key;
        if (command.Owner is { } owner)
            wire.Owner = owner;
        if (command.MaxWait is { } wait)
            wire.MaxWaitTicks = wait.Ticks;
        if (command.Timeout is { } timeout)
            wire.TimeoutTicks = timeout.Ticks;
        if (command.IdleTimeout is { } idle)
            wire.IdleTimeoutTicks = idle.Ticks;
        if (command.MaxAge is { } age)
            wire.MaxAgeTicks = age.Ticks;
        if (command.MaxBytesPerSecond is { } rate)
            wire.MaxBytesPerSecond = rate;
        if (command.Caller is { } caller)
            wire.Caller = caller;
        if (command.TraceParent is { } parent)
            wire.TraceParent = parent;
        if (command.TraceState is { } state)
            wire.TraceState = state;
        return wire;
    }

    private static CreateTube Read(V1.CreateTube wire) => new(Conversation(wire.ConversationId), Read(Required(wire.Settings, "settings")))
    {
        TrickleIce = wire.TrickleIce,
        Offer = wire.HasOffer ? wire.Offer : null,
        TubeId = wire.HasTubeId ? Tube(wire.TubeId) : null,
        RequestKey = wire.HasRequestKey ? wire.RequestKey : null,
        Owner = wire.HasOwner ? wire.Owner : null,
        MaxWait = wire.HasMaxWaitTicks ? new(wire.MaxWaitTicks) : null,
        Timeout = wire.HasTimeoutTicks ? new(wire.TimeoutTicks) : null,
        IdleTimeout = wire.HasIdleTimeoutTicks ? new(wire.IdleTimeoutTicks) : null,
        MaxAge = wire.HasMaxAgeTicks ? new(wire.MaxAgeTicks) : null,
        MaxBytesPerSecond = wire.HasMaxBytesPerSecond ? wire.MaxBytesPerSecond : null,
        Caller = wire.HasCaller ? wire.Caller : null,
        TraceParent = wire.HasTraceParent ? wire.TraceParent : null,
        TraceState = wire.HasTraceState ? wire.TraceState : null,
    };

    private static V1.ConversationSettings Write(ConversationSettings settings) => settings switch
    {
        TunnelSettings { ListenEndPoint: { } endPoint } => new() { TunnelListen = Write(endPoint) },
        TunnelSettings { TargetHost: { } host } tunnel => new() { TunnelDial = new() { Host = host, Port = (uint)tunnel.TargetPort } },
        SocksSettings { ListenEndPoint: { } endPoint } => new() { SocksListen = Write(endPoint) },
        SocksSettings socks => new() { SocksDial = Write(socks.Allowed) },
        RawSettings raw => new() { RawDial = new() { Host = raw.TargetHost, Port = (uint)raw.TargetPort } },
        HandlerSettings handler => new() { Handler = new() { Name = handler.Name } },
        GuacdSettings guacd => new() { GuacdDial = Write(guacd) },
        EchoSettings => new() { Echo = new() },
        _ => throw new FormatException($"{settings.GetType().Name} has no wire form."),
    };

    private static ConversationSettings Read(V1.ConversationSettings wire) => wire.KindCase switch
    {
        V1.ConversationSettings.KindOneofCase.TunnelListen => TunnelSettings.Listen(Read(wire.TunnelListen)),
        V1.ConversationSettings.KindOneofCase.TunnelDial => Read(wire.TunnelDial, "tunnel_dial", TunnelSettings.Dial),
        V1.ConversationSettings.KindOneofCase.SocksListen => SocksSettings.Listen(Read(wire.SocksListen)),
        V1.ConversationSettings.KindOneofCase.SocksDial => Read(wire.SocksDial),
        V1.ConversationSettings.KindOneofCase.RawDial => Read(wire.RawDial, "raw_dial", RawSettings.Dial),
        V1.ConversationSettings.KindOneofCase.Handler => HandlerSettings.IsName(wire.Handler.Name) ? new HandlerSettings(wire.Handler.Name) : throw new FormatException("handler is not a handler's name."),
        V1.ConversationSettings.KindOneofCase.GuacdDial => Read(wire.GuacdDial),
        V1.ConversationSettings.KindOneofCase.Echo => new EchoSettings(),
        _ => throw new FormatException("settings are of no kind that this version knows."),
    };

    private static V1.TunnelListen Write(IPEndPoint endPoint) => new()
    {
        Address = ByteString.CopyFrom(endPoint.Address.GetAddressBytes()),
        Port = (uint)endPoint.Port,
        ScopeId = endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? (uint)endPoint.Address.ScopeId : 0,
    };

    private static IPEndPoint Read(V1.TunnelListen wire)
    {
        if (wire.Port > IPEndPoint.MaxPort)
            throw new FormatException($"port {wire.Port} is above {IPEndPoint.MaxPort}.");
        return wire.Address.Length switch
        {
            4 => new(new IPAddress(wire.Address.Span), (int)wire.Port),
            16 => new(new IPAddress(wire.Address.Span, wire.ScopeId), (int)wire.Port),
            _ => throw new FormatException($"address has {wire.Address.Length} bytes; an IP address has 4 or 16."),
        };
    }

    private static ConversationSettings Read(V1.TunnelDial wire, string field, Func<string, int, ConversationSettings> dial) => TunnelSettings.IsHost(wire.Host) && wire.Port is >= 1 and <= IPEndPoint.MaxPort
        ? dial(wire.Host, (int)wire.Port)
        : throw new FormatException($"{field} is not a host name or IP address with a port from 1 to 65535.");

    private static V1.SocksDial Write(AllowedTargets? allowed)
    {
        var wire = new V1.SocksDial();
        if (allowed?.Hosts is { } hosts)
            wire.Hosts = hosts;
        if (allowed?.Ports is { } ports)
            wire.Ports = ports;
        return wire;
    }

    private static SocksSettings Read(V1.SocksDial wire)
    {
        if (!wire.HasHosts && !wire.HasPorts)
            return SocksSettings.Dial();
        return AllowedTargets.TryParse(wire.HasHosts ? wire.Hosts : null, wire.HasPorts ? wire.Ports : null, out var allowed)
            ? SocksSettings.Dial(allowed)
            : throw new FormatException("socks_dial holds hosts or ports that are none.");
    }

    private static V1.GuacdDial Write(GuacdSettings settings)
    {
        var wire = new V1.GuacdDial { Type = settings.Type, Port = (uint)settings.GuacdPort };
        if (settings.GuacdHost is { } host)
            wire.Host = host;
        wire.Parameters.AddRange(settings.Parameters.All.Select(p => new V1.GuacdDial.Types.Parameter { Name = p.Key, Value = p.Value }));
        return wire;
    }

    private static GuacdSettings Read(V1.GuacdDial wire) =>
        GuacdSettings.TryCreate(wire.Type, wire.Parameters.Select(p => KeyValuePair.Create(p.Name, p.Value)), wire.HasHost ? wire.Host : null, (int)Math.Min(wire.Port, int.MaxValue), out var settings, out var error)
            ? settings
            : throw new FormatException($"guacd_dial: {error.Key} {error.What}.");

    private static V1.SetRemoteDescription Write(SetRemoteDescription command) => new()
    {
        TubeId = command.TubeId.ToString(),
        Type = DescriptionTypes.Write(command.Type),
        Sdp = command.Sdp,
    };

    private static SetRemoteDescription Read(V1.SetRemoteDescription wire) => new(Tube(wire.TubeId), DescriptionTypes.Read(wire.Type), wire.Sdp);

    private static V1.RestartIce Write(RestartIce command) => new() { TubeId = command.TubeId.ToString() };

    private static RestartIce Read(V1.RestartIce wire) => new(Tube(wire.TubeId));

    private static V1.AddCandidates Write(AddCandidates command) => new() { TubeId = command.TubeId.ToString(), Candidates = { command.Candidates } };

    private static AddCandidates Read(V1.AddCandidates wire) => new(Tube(wire.TubeId), [.. wire.Candidates]);

    private static V1.CloseTube Write(CloseTube command)
    {
        var wire = new V1.CloseTube { TubeId = command.TubeId.ToString(), Reason = command.Reason.Code };
        if (command.Text is { } text)
            wire.Text = text;
        if (command.Caller is { } caller)
            wire.Caller = caller;
        return wire;
    }

    private static CloseTube Read(V1.CloseTube wire) => new(Tube(wire.TubeId), CloseReason.FromCode(wire.Reason), wire.HasText ? wire.Text : null)
    {
        Caller = wire.HasCaller ? wire.Caller : null,
    };

    private static V1.CloseConversation Write(CloseConversation command)
    {
        var wire = new V1.CloseConversation { ConversationId = command.ConversationId.ToString(), Reason = command.Reason.Code };
        if (command.Text is { } text)
            wire.Text = text;
        if (command.Caller is { } caller)
            wire.Caller = caller;
        return wire;
    }

    private static CloseConversation Read(V1.CloseConversation wire) =>
        new(Conversation(wire.ConversationId), CloseReason.FromCode(wire.Reason), wire.HasText ? wire.Text : null) { Caller = wire.HasCaller ? wire.Caller : null };

    private static V1.AssociateConversation Write(AssociateConversation command) =>
        new() { TubeId = command.TubeId.ToString(), ConversationId = command.ConversationId.ToString() };

    private static AssociateConversation Read(V1.AssociateConversation wire) => new(Tube(wire.TubeId), Conversation(wire.ConversationId));

    private static V1.SubscribeSignals Write(SubscribeSignals command)
    {
        var wire = new V1.SubscribeSignals { TubeId = command.TubeId.ToString(), AfterSequence = command.AfterSequence };
        if (command.Window is { } window)
            wire.Window = window;
        return wire;
    }

    private static SubscribeSignals Read(V1.SubscribeSignals wire) =>
        new(Tube(wire.TubeId), wire.AfterSequence) { Window = wire.HasWindow ? wire.Window : null };

    private static V1.UnsubscribeSignals Write(UnsubscribeSignals command) => new() { TubeId = command.TubeId.ToString() };

    private static UnsubscribeSignals Read(V1.UnsubscribeSignals wire) => new(Tube(wire.TubeId));

    private static V1.ReadSignals Write(ReadSignals command) =>
        new() { TubeId = command.TubeId.ToString(), AfterSequence = command.AfterSequence, MaxWaitTicks = command.MaxWait.Ticks };

    private static ReadSignals Read(V1.ReadSignals wire) => new(Tube(wire.TubeId), wire.AfterSequence, new(wire.MaxWaitTicks));

    private static V1.GetTube Write(GetTube command) => new() { TubeId = command.TubeId.ToString() };

    private static GetTube Read(V1.GetTube wire) => new(Tube(wire.TubeId));

    private static V1.ReadStatistics Write(ReadStatistics command) => new() { TubeId = command.TubeId.ToString() };

    private static ReadStatistics Read(V1.ReadStatistics wire) => new(Tube(wire.TubeId));

    private static V1.FindConversation Write(FindConversation command) => new() { ConversationId = command.ConversationId.ToString() };

    private static FindConversation Read(V1.FindConversation wire) => new(Conversation(wire.ConversationId));

    private static V1.ListTubes Write(ListTubes command) => new() { Query = Write(command.Query) };

    private static ListTubes Read(V1.ListTubes wire) => new(Read(Required(wire.Query, "query")));

    private static V1.TubeQuery Write(TubeQuery query)
    {
        var wire = new V1.TubeQuery { Limit = query.Limit };
        if (query.Text is { } text)
            wire.Text = text;
        if (query.State is { } state)
            wire.State = TubeStates.Write(state);
        if (query.Owner is { } owner)
            wire.Owner = owner;
        if (query.Cursor is { } cursor)
            wire.Cursor = cursor.ToString();
        return wire;
    }

    private static TubeQuery Read(V1.TubeQuery wire) => new()
    {
        Text = wire.HasText ? wire.Text : null,
        State = wire.HasState ? TubeStates.Read(wire.State) : null,
        Owner = wire.HasOwner ? wire.Owner : null,
        Limit = wire.Limit,
        Cursor = wire.HasCursor ? Tube(wire.Cursor) : null,
    };

    private static V1.ReadEvents Write(ReadEvents command)
    {
        var wire = new V1.ReadEvents { AfterSequence = command.AfterSequence, MaxWaitTicks = command.MaxWait.Ticks };
        if (command.Run is { } run)
            wire.Run = run;
        return wire;
    }

    private static ReadEvents Read(V1.ReadEvents wire) => new(wire.HasRun ? wire.Run : null, wire.AfterSequence, new(wire.MaxWaitTicks));

    private static V1.ChangeLimits Write(ChangeLimits command)
    {
        var wire = new V1.ChangeLimits();
        if (command.MaxConcurrentCreates is { } creates)
            wire.MaxConcurrentCreates = creates;
        if (command.MaxTubes is { } tubes)
            wire.MaxTubes = tubes;
        if (command.MaxTubesPerOwner is { } perOwner)
            wire.MaxTubesPerOwner = perOwner;
        if (command.MaxWaiting is { } waiting)
            wire.MaxWaiting = waiting;
        return wire;
    }

    private static ChangeLimits Read(V1.ChangeLimits wire) => new()
    {
        MaxConcurrentCreates = wire.HasMaxConcurrentCreates ? wire.MaxConcurrentCreates : null,
        MaxTubes = wire.HasMaxTubes ? wire.MaxTubes : null,
        MaxTubesPerOwner = wire.HasMaxTubesPerOwner ? wire.MaxTubesPerOwner : null,
        MaxWaiting = wire.HasMaxWaiting ? wire.MaxWaiting : null,
    };

    private static V1.DrainNode Write(DrainNode command)
    {
        var wire = new V1.DrainNode { UntilAtMost = command.UntilAtMost };
        if (command.Deadline is { } deadline)
            wire.DeadlineTicks = deadline.Ticks;
        return wire;
    }

    private static DrainNode Read(V1.DrainNode wire) => new()
    {
        Deadline = wire.HasDeadlineTicks ? new(wire.DeadlineTicks) : null,
        UntilAtMost = wire.UntilAtMost,
    };
}
