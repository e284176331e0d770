using System.Collections;
using System.Net;
using System.Reflection;
using Registry.Messages.Cluster;
using Registry.Messages.Wire;

namespace Registry.Messages.Tests.Wire;

/// <summary>What each message looks like on the wire, for ever: a row is only added, and changed only when its message gained a field.</summary>
internal static class Golden
{
    private static readonly TubeId Tube = new("tube-1");
    private static readonly ConversationId Conversation = new("Sitzung 7");
    private static readonly DateTimeOffset Time = new DateTimeOffset(2026, 11, 24, 22, 15, 55, TimeSpan.Zero).AddTicks(1234567);

    private static readonly ConversationSnapshot Conversed = new(Conversation, "tunnel", true) { LocalListenAddress = "127.0.0.1:40000" };

    private static readonly TubeSnapshot Snapshot = new(Tube, "node-1", TubeState.Failed)
    {
        Owner = "team-a",
        IsOfferer = true,
        Conversations = [Conversed with { Target = "db:5432" }],
        History = [new(TubeState.Initializing, Time), new(TubeState.Failed, Time.AddSeconds(1))],
        SelectedPair = "host/srflx",
        LocalAddress = "10.0.0.1:5000",
        RemoteAddress = "[2001:db8::1]:6000",
        Traffic = new(1, 2, 3, 4, TimeSpan.FromMilliseconds(1.5)) { LastSentAt = Time.AddTicks(1), LastReceivedAt = Time.AddTicks(2) },
        LastSignal = 12,
        CloseReason = CloseReason.ConnectionLost,
        CloseText = "no answer",
        ClosedBy = "desk",
    };

    private static readonly CreateTube Create = new(Conversation, TunnelSettings.Listen(new(IPAddress.Parse("fe80::1%3"), 8080)))
    {
        TrickleIce = true,
        Offer = "dj0wDQo=",
        TubeId = Tube,
        RequestKey = "key-1",
        Owner = "team-a",
        MaxWait = TimeSpan.FromTicks(1),
        Timeout = TimeSpan.FromTicks(2),
        IdleTimeout = TimeSpan.FromTicks(3),
        MaxAge = TimeSpan.FromDays(1),
        MaxBytesPerSecond = 1 << 20,
        Caller = "laptop",
        TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        TraceState = "v=1",
    };

    private static readonly RegistryCapacity Capacity = new()
    {
        CanAcceptMore = true,
        ActiveCreates = 1,
        MaxConcurrentCreates = 2,
        Waiting = 3,
        MaxWaiting = 4,
        LoadPercentage = 5,
        SuggestedDelayMs = 6,
        AvgCreateTimeMs = 7.5,
        TotalCreates = 8,
        TotalFailures = 9,
        TotalRejected = 10,
        Tubes = 11,
        MaxTubes = 12,
        MaxTubesPerOwner = 13,
        StaleTubesRemoved = 14,
        CloseTimeouts = 15,
        ReconcilerFindings = 16,
        IsDraining = true,
        DrainDeadlineMs = 17,
        DrainUntil = Time,
    };

    private static readonly TubeStatistics Statistics = new(Tube, Time)
    {
        IceState = "connected",
        DtlsState = "new",
        Cipher = "AES",
        IceRestarts = 1,
        PathChanges = 2,
        Datagrams = new(3, 4, 5, 6),
        Path = new("udp", "host", "10.0.0.1:5000", "srflx", "[2001:db8::1]:6000") { RoundTripTime = TimeSpan.FromTicks(7), Datagrams = new(8, 9, 10, 11) },
        Association = new() { RoundTripTime = TimeSpan.FromTicks(12), CongestionWindow = 13, ReceiverWindow = 14, PacketSize = 15, BytesBuffered = 16, Retransmissions = 17, Timeouts = 18 },
        Queues = new(19, 20, 21),
        Channels = [new(Conversation, "tunnel", "open") { Protocol = "tube.v2", Connections = 22, Messages = new(23, 24, 25, 26) }],
    };

    private static readonly TubeCreated Created = new(Tube, Conversation, "node-1", TubeState.Connecting)
    {
        Offer = "dj0wDQo=",
        Answer = "dj0xDQo=",
        LocalListenAddress = "[::1]:80",
    };

    private static readonly Guid OpenId = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly NodeAddress Node = new("akka.tcp://registry@10.0.0.1:4053", 77);
    private static readonly ConversationHeld Held = new(Conversation, Tube, 5, Node);

    private static readonly Refused Refusal = new(RefusalCode.OwnerLimit, "Close a tube.")
    {
        Key = "owner",
        TubeId = Tube,
        ActiveCreates = 1,
        Limit = 2,
        RetryAfter = TimeSpan.FromSeconds(3),
    };

    public static readonly IReadOnlyList<(string Manifest, IRegistryProtocol Message, string Hex)> Table =
    [
        ("CT", Create,
            "0A095369747A756E67203712190A170A10FE80000000000000000000000000000110903F180318012208646A307744516F3D2A06747562652D313205"
            + "6B65792D313A067465616D2D61400148025003588080A7D39219608080406A066C6170746F70723730302D3061663736353139313663643433646438"
            + "3434386562323131633830333139632D623761643662373136393230333333312D30317A03763D31"),
        ("CT", Create with { Settings = TunnelSettings.Dial("db.internal", 5432) },
            "0A095369747A756E672037121212100A0B64622E696E7465726E616C10B82A18012208646A307744516F3D2A06747562652D3132056B65792D313A06"
            + "7465616D2D61400148025003588080A7D39219608080406A066C6170746F70723730302D306166373635313931366364343364643834343865623231"
            + "31633830333139632D623761643662373136393230333333312D30317A03763D31"),
        ("CT", new CreateTube(Conversation, new EchoSettings()) { TrickleIce = false }, "0A095369747A756E67203712021A00"),
        ("CT", new CreateTube(Conversation, new EchoSettings()) { TrickleIce = false, MaxBytesPerSecond = 1 << 20 }, "0A095369747A756E67203712021A0060808040"),
        ("CT", new CreateTube(Conversation, SocksSettings.Dial()) { TrickleIce = false }, "0A095369747A756E67203712022A00"),
        ("CT", new CreateTube(Conversation, new HandlerSettings("chat")) { TrickleIce = false }, "0A095369747A756E67203712083A060A0463686174"),
        ("CT", new CreateTube(Conversation, GuacdSettings.Create("vnc", [new("hostname", "pc"), new("password", "ü")], new("g", 4822))) { TrickleIce = false },
            "0A095369747A756E672037122D422B0A03766E6312016718D625220E0A08686F73746E616D6512027063220E0A0870617373776F72641202C3BC"),
        ("CT", new CreateTube(Conversation, GuacdSettings.Create("ssh", [new("connectionid", "$1")])) { TrickleIce = false },
            "0A095369747A756E672037121B42190A0373736822120A0C636F6E6E656374696F6E696412022431"),
        ("CT", new CreateTube(Conversation, RawSettings.Dial("db.internal", 5432)) { TrickleIce = false },
            "0A095369747A756E672037121232100A0B64622E696E7465726E616C10B82A"),
        ("SRD", new SetRemoteDescription(Tube, DescriptionType.Answer, "dj0wDQo="), "0A06747562652D3110021A08646A307744516F3D"),
        ("RI", new RestartIce(Tube), "0A06747562652D31"),
        ("AC", new AddCandidates(Tube, ["candidate:1 1 udp 1 10.0.0.1 5000 typ host", ""]),
            "0A06747562652D31122A63616E6469646174653A3120312075647020312031302E302E302E3120353030302074797020686F73741200"),
        ("CLT", new CloseTube(Tube, CloseReason.Client, "done") { Caller = "laptop" }, "0A06747562652D3110051A04646F6E6522066C6170746F70"),
        ("CLC", new CloseConversation(Conversation, CloseReason.IdleTimeout, "idle") { Caller = "laptop" }, "0A095369747A756E67203710411A0469646C6522066C6170746F70"),
        ("ASC", new AssociateConversation(Tube, Conversation), "0A06747562652D3112095369747A756E672037"),
        ("SUB", new SubscribeSignals(Tube, 300) { Window = 64 }, "0A06747562652D3110AC021840"),
        ("UNS", new UnsubscribeSignals(Tube), "0A06747562652D31"),
        ("RS", new ReadSignals(Tube, 300, TimeSpan.FromTicks(1)), "0A06747562652D3110AC021801"),
        ("GT", new GetTube(Tube), "0A06747562652D31"),
        ("RDS", new ReadStatistics(Tube), "0A06747562652D31"),
        ("FC", new FindConversation(Conversation), "0A095369747A756E672037"),
        ("LT", new ListTubes(new() { Text = "sitzung", State = TubeState.Ready, Owner = "team-a", Limit = 300, Cursor = Tube }),
            "0A1E0A077369747A756E6710051A067465616D2D6120AC022A06747562652D31"),
        ("LT", new ListTubes(new()), "0A022064"),
        ("GN", GetNodes.Instance, ""),
        ("RE", new ReadEvents("run-1", 300, TimeSpan.FromTicks(1)), "0A0572756E2D3110AC021801"),
        ("RE", new ReadEvents(null, 0, TimeSpan.Zero), ""),
        ("GC", GetCapacity.Instance, ""),
        ("CHL", new ChangeLimits { MaxConcurrentCreates = 1, MaxTubes = 2, MaxTubesPerOwner = 3, MaxWaiting = 4 }, "0801100218032004"),
        ("DRN", new DrainNode { Deadline = TimeSpan.FromTicks(1), UntilAtMost = 300 }, "080110AC02"),
        ("RSN", ResumeNode.Instance, ""),
        ("DN", Done.Instance, ""),
        ("TC", Created,
            "0A06747562652D3112095369747A756E6720371A066E6F64652D3120032A08646A307744516F3D3208646A307844516F3D3A085B3A3A315D3A3830"),
        ("DM", new DescriptionMade(Tube, DescriptionType.Answer, "dj0wDQo="), "0A06747562652D3110021A08646A307744516F3D"),
        ("TF", new TubeFound(Snapshot),
            "0ACE010A06747562652D3112066E6F64652D31180722067465616D2D612801322F0A095369747A756E672037120674756E6E656C1801220F3132372E"
            + "302E302E313A34303030302A0764623A353433323A0C08021087ECE59188CFD2EF083A0C0807108799C89688CFD2EF08420A686F73742F7372666C78"
            + "4A0D31302E302E302E313A3530303052125B323030313A6462383A3A315D3A363030305A1F08011002180320042898753088ECE59188CFD2EF083889"
            + "ECE59188CFD2EF0860096A096E6F20616E73776572700C7A046465736B"),
        ("STR", new StatisticsRead(Statistics),
            "0AC0010A06747562652D311087ECE59188CFD2EF081A09636F6E6E656374656422036E65772A0341455330013802420808031004180520064A410A03"
            + "7564701204686F73741A0D31302E302E302E313A3530303022057372666C782A125B323030313A6462383A3A315D3A3630303030073A080808100918"
            + "0A200B520E080C100D180E200F2810301138125A06081310141815622E0A095369747A756E672037120674756E6E656C1A046F70656E220774756265"
            + "2E763228163208081710181819201A"),
        ("STR", new StatisticsRead(new(Tube, Time)), "0A160A06747562652D311087ECE59188CFD2EF0842005A00"),
        ("TR", new TubesRead(new([Snapshot], Tube) { IncompleteNodes = ["node-2", "node-3"] }),
            "0AE9010ACE010A06747562652D3112066E6F64652D31180722067465616D2D612801322F0A095369747A756E672037120674756E6E656C1801220F31"
            + "32372E302E302E313A34303030302A0764623A353433323A0C08021087ECE59188CFD2EF083A0C0807108799C89688CFD2EF08420A686F73742F7372"
            + "666C784A0D31302E302E302E313A3530303052125B323030313A6462383A3A315D3A363030305A1F08011002180320042898753088ECE59188CFD2EF"
            + "083889ECE59188CFD2EF0860096A096E6F20616E73776572700C7A046465736B1206747562652D311A066E6F64652D321A066E6F64652D33"),
        ("SR", new SignalsRead([new SignalsMissed(Tube, 9, Time, 6), new ChannelOpened(Tube, 10, Time, "Sitzung 7")], true),
            "0A1C0A02534D12160A06747562652D3110091887ECE59188CFD2EF0820060A260A0343484F121F0A06747562652D31100A1887ECE59188CFD2EF0822"
            + "095369747A756E6720371001"),
        ("ER", new EventsRead("run-1", 300, [new ConnectionStateChanged(Tube, 2, Time, TubeState.Ready), new TubeClosed(Tube, 5, Time, CloseReason.Superseded, "no")], true),
            "0A0572756E2D3110AC021A1D0A0343534312160A06747562652D3110021887ECE59188CFD2EF0820051A210A0354434C121A0A06747562652D311005"
            + "1887ECE59188CFD2EF0820432A026E6F2001"),
        ("NR", new NodesRead([new("node-1", "10.0.0.1:4053", NodeState.Draining) { Capacity = Capacity, Version = "0.1.0", Since = Time, SupersededTubes = 3 }]),
            "0A6A0A066E6F64652D31120D31302E302E302E313A343035331803223C0801100118022003280430053806410000000000001E4048085009580A600B"
            + "680C700D780E80010F880110900101980111A00187ECE59188CFD2EF082A05302E312E303087ECE59188CFD2EF083803"),
        ("NR", new NodesRead([new("node-1", "", NodeState.Joining), new("node-2", "10.0.0.2:4053", NodeState.Unreachable)]),
            "0A0A0A066E6F64652D3118010A190A066E6F64652D32120D31302E302E302E323A343035331805"),
        ("CR", new CapacityRead(Capacity),
            "0A3C0801100118022003280430053806410000000000001E4048085009580A600B680C700D780E80010F880110900101980111A00187ECE59188CFD2EF08"),
        ("RF", Refusal, "0809120D436C6F7365206120747562652E1A056F776E65722206747562652D3128013002388087A70E"),
        ("ICF", new IceCandidateFound(Tube, 1, Time, "candidate:1"), "0A06747562652D3110011887ECE59188CFD2EF08220B63616E6469646174653A31"),
        ("CSC", new ConnectionStateChanged(Tube, 2, Time, TubeState.Ready), "0A06747562652D3110021887ECE59188CFD2EF082005"),
        ("CHO", new ChannelOpened(Tube, 3, Time, "Sitzung 7"), "0A06747562652D3110031887ECE59188CFD2EF0822095369747A756E672037"),
        ("CHC", new ChannelClosed(Tube, 4, Time, "Sitzung 7", "tube_closed", CloseReason.UpstreamClosed),
            "0A06747562652D3110041887ECE59188CFD2EF0822095369747A756E6720372A0B747562655F636C6F7365643014"),
        ("TCL", new TubeClosed(Tube, 5, Time, CloseReason.AgeLimit, "too old"), "0A06747562652D3110051887ECE59188CFD2EF0820422A07746F6F206F6C64"),
        ("GI", new GuacdInstruction(Tube, 6, Time, "c", "4.size,1.0,1.1,1.2;"), "0A06747562652D3110061887ECE59188CFD2EF082201632A13342E73697A652C312E302C312E312C312E323B"),
        ("ND", new NodeDraining(Tube, 6, Time, Time.AddTicks(1)), "0A06747562652D3110061887ECE59188CFD2EF082088ECE59188CFD2EF08"),
        ("IRO", new IceRestartOffered(Tube, 7, Time, "dj0wDQo="), "0A06747562652D3110071887ECE59188CFD2EF082208646A307744516F3D"),
        ("SM", new SignalsMissed(Tube, 9, Time, 6), "0A06747562652D3110091887ECE59188CFD2EF082006"),
        ("NL", new NodeLoad(Node, "node-1", Capacity, "0.1.0", Time, 3),
            "0A250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D12066E6F64652D311A3C0801100118022003280430"
            + "053806410000000000001E4048085009580A600B680C700D780E80010F880110900101980111A00187ECE59188CFD2EF082205302E312E302887ECE59188CFD2EF083003"),
        ("OC", new OpenConversation(OpenId, Create, Node),
            "0A1000112233445566778899AABBCCDDEEFF12A7010A02435412A0010A095369747A756E67203712190A170A10FE8000000000000000000000000000"
            + "0110903F180318012208646A307744516F3D2A06747562652D3132056B65792D313A067465616D2D61400148025003588080A7D39219608080406A06"
            + "6C6170746F70723730302D30616637363531393136636434336464383434386562323131633830333139632D62376164366237313639323033333331"
            + "2D30317A03763D311A250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D"),
        ("OC", new OpenConversation(OpenId, new AssociateConversation(Tube, Conversation), null),
            "0A1000112233445566778899AABBCCDDEEFF121A0A0341534312130A06747562652D3112095369747A756E672037"),
        ("AO", new AbandonOpen(Conversation, OpenId), "0A095369747A756E672037121000112233445566778899AABBCCDDEEFF"),
        ("PT", new PlaceTaken(Conversation, OpenId, 5, Node),
            "0A095369747A756E672037121000112233445566778899AABBCCDDEEFF180522250A21616B6B612E7463703A2F2F72656769737472794031302E302E"
            + "302E313A34303533104D"),
        ("PS", new PlaceSettled(Conversation, OpenId, 5, Node, Created),
            "0A095369747A756E672037121000112233445566778899AABBCCDDEEFF180522250A21616B6B612E7463703A2F2F72656769737472794031302E302E"
            + "302E313A34303533104D2A410A025443123B0A06747562652D3112095369747A756E6720371A066E6F64652D3120032A08646A307744516F3D320864"
            + "6A307844516F3D3A085B3A3A315D3A3830"),
        ("PS", new PlaceSettled(Conversation, OpenId, 5, Node, Refusal),
            "0A095369747A756E672037121000112233445566778899AABBCCDDEEFF180522250A21616B6B612E7463703A2F2F72656769737472794031302E302E"
            + "302E313A34303533104D2A2F0A02524612290809120D436C6F7365206120747562652E1A056F776E65722206747562652D3128013002388087A70E"),
        ("CH", Held, "0A095369747A756E6720371206747562652D31180522250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D"),
        ("CE", new ConversationEnded(Conversation, Tube, Node),
            "0A095369747A756E6720371206747562652D311A250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D"),
        ("PL", new Place(OpenId, 5, Create, true),
            "0A1000112233445566778899AABBCCDDEEFF10051AA7010A02435412A0010A095369747A756E67203712190A170A10FE800000000000000000000000"
            + "00000110903F180318012208646A307744516F3D2A06747562652D3132056B65792D313A067465616D2D61400148025003588080A7D3921960808040"
            + "6A066C6170746F70723730302D30616637363531393136636434336464383434386562323131633830333139632D6237616436623731363932303333"
            + "33312D30317A03763D312001"),
        ("PL", new Place(OpenId, 5, new AssociateConversation(Tube, Conversation), false),
            "0A1000112233445566778899AABBCCDDEEFF10051A1A0A0341534312130A06747562652D3112095369747A756E672037"),
        ("UP", new Unplace(OpenId), "0A1000112233445566778899AABBCCDDEEFF"),
        ("SP", new Supersede(Conversation, Tube, 5), "0A095369747A756E6720371206747562652D311805"),
        ("RCS", new RecoverShard("42"), "0A023432"),
        ("SH", new ShardHeld("42", Node, [Held, new(new("b"), new("tube-2"), 6, Node)]),
            "0A02343212250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D1A3C0A095369747A756E67203712067475"
            + "62652D31180522250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D1A340A01621206747562652D321806"
            + "22250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D"),
        ("RST", new ReserveTube("team-a", Tube, Node),
            "0A067465616D2D611206747562652D311A250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D"),
        ("RLT", new ReleaseTube("team-a", Tube), "0A067465616D2D611206747562652D31"),
        ("RCO", new RecoverOwner("team-a"), "0A067465616D2D61"),
        ("OH", new OwnerHeld("team-a", Node, [Tube, new("tube-2")]),
            "0A067465616D2D6112250A21616B6B612E7463703A2F2F72656769737472794031302E302E302E313A34303533104D1A06747562652D311A06747562"
            + "652D32"),
    ];

    /// <summary>What older versions write in place of a row of <see cref="Table"/>, and what is read from it: a row comes here when its message gains a field.</summary>
    public static readonly IReadOnlyList<(string Manifest, IRegistryProtocol Message, string Hex)> Older =
    [
        ("CT", Create with { TraceParent = null, TraceState = null },
            "0A095369747A756E67203712190A170A10FE80000000000000000000000000000110903F180318012208646A307744516F3D2A06747562652D313205"
            + "6B65792D313A067465616D2D61400148025003588080A7D39219608080406A066C6170746F70"),
        ("CT", Create with { Caller = null, TraceParent = null, TraceState = null },
            "0A095369747A756E67203712190A170A10FE80000000000000000000000000000110903F180318012208646A307744516F3D2A06747562652D313205"
            + "6B65792D313A067465616D2D61400148025003588080A7D3921960808040"),
        ("CT", Create with { MaxBytesPerSecond = null, Caller = null, TraceParent = null, TraceState = null },
            "0A095369747A756E67203712190A170A10FE80000000000000000000000000000110903F180318012208646A307744516F3D2A06747562652D313205"
            + "6B65792D313A067465616D2D61400148025003588080A7D39219"),
        ("CLT", new CloseTube(Tube, CloseReason.Client, "done"), "0A06747562652D3110051A04646F6E65"),
        ("CLC", new CloseConversation(Conversation, CloseReason.IdleTimeout, "idle"), "0A095369747A756E67203710411A0469646C65"),
        ("CR", new CapacityRead(Capacity with { DrainUntil = null }), "0A310801100118022003280430053806410000000000001E4048085009580A600B680C700D780E80010F880110900101980111"),
        ("CR", new CapacityRead(Capacity with { DrainDeadlineMs = 0, DrainUntil = null }), "0A2E0801100118022003280430053806410000000000001E4048085009580A600B680C700D780E80010F880110900101"),
        ("CR", new CapacityRead(Capacity with { IsDraining = false, DrainDeadlineMs = 0, DrainUntil = null }), "0A2B0801100118022003280430053806410000000000001E4048085009580A600B680C700D780E80010F880110"),
        ("TF", new TubeFound(Snapshot with { ClosedBy = null }),
            "0AC8010A06747562652D3112066E6F64652D31180722067465616D2D612801322F0A095369747A756E672037120674756E6E656C1801220F3132372E"
            + "302E302E313A34303030302A0764623A353433323A0C08021087ECE59188CFD2EF083A0C0807108799C89688CFD2EF08420A686F73742F7372666C78"
            + "4A0D31302E302E302E313A3530303052125B323030313A6462383A3A315D3A363030305A1F08011002180320042898753088ECE59188CFD2EF083889"
            + "ECE59188CFD2EF0860096A096E6F20616E73776572700C"),
        ("TF", new TubeFound(Snapshot with { Conversations = [Conversed], ClosedBy = null }),
            "0ABF010A06747562652D3112066E6F64652D31180722067465616D2D61280132260A095369747A756E672037120674756E6E656C1801220F3132372E"
            + "302E302E313A34303030303A0C08021087ECE59188CFD2EF083A0C0807108799C89688CFD2EF08420A686F73742F7372666C784A0D31302E302E302E"
            + "313A3530303052125B323030313A6462383A3A315D3A363030305A1F08011002180320042898753088ECE59188CFD2EF083889ECE59188CFD2EF0860"
            + "096A096E6F20616E73776572700C"),
        ("TF", new TubeFound(Snapshot with { Conversations = [Conversed], LastSignal = 0, ClosedBy = null }),
            "0ABD010A06747562652D3112066E6F64652D31180722067465616D2D61280132260A095369747A756E672037120674756E6E656C1801220F3132372E"
            + "302E302E313A34303030303A0C08021087ECE59188CFD2EF083A0C0807108799C89688CFD2EF08420A686F73742F7372666C784A0D31302E302E302E"
            + "313A3530303052125B323030313A6462383A3A315D3A363030305A1F08011002180320042898753088ECE59188CFD2EF083889ECE59188CFD2EF0860"
            + "096A096E6F20616E73776572"),
    ];

    public static TheoryData<int> Rows => [.. Enumerable.Range(0, Table.Count)];

    public static TheoryData<int> OlderRows => [.. Enumerable.Range(0, Older.Count)];

    /// <summary>Equality of content: a record with a collection is equal only to one that shares it.</summary>
    public static void ShouldMatch(this IRegistryProtocol actual, IRegistryProtocol expected) => ShouldMatch(actual, expected, expected.GetType().Name);

    /// <summary>The properties that make up a record; what is worked out from them aside.</summary>
    public static IEnumerable<PropertyInfo> Content(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true });

    private static void ShouldMatch(object? actual, object? expected, string path)
    {
        if (Equals(actual, expected))
            return;
        if (actual is IEnumerable and not string && expected is IEnumerable and not string)
            ShouldMatch(Items(actual), Items(expected), path);
        else if (actual is not null && actual.GetType() == expected?.GetType() && Content(actual.GetType()).ToList() is { Count: > 0 } properties)
            properties.ForEach(p => ShouldMatch(p.GetValue(actual), p.GetValue(expected), $"{path}.{p.Name}"));
        else
            Assert.Fail($"{path} is {actual ?? "null"} instead of {expected ?? "null"}.");
    }

    private static object?[] Items(object collection) => [.. ((IEnumerable)collection).Cast<object?>()];

    private static void ShouldMatch(object?[] actual, object?[] expected, string path)
    {
        actual.Length.ShouldBe(expected.Length, path);
        for (var i = 0; i < actual.Length; i++)
            ShouldMatch(actual[i], expected[i], $"{path}[{i}]");
    }

    public static IRegistryProtocol ReadAgain(this IRegistryProtocol message) => RegistryCodec.Decode(RegistryCodec.ManifestOf(message), RegistryCodec.Encode(message));
}
