using System.Text;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Registry.Host.Api.Description;

/// <summary>What the document says of all calls together.</summary>
internal static class DocumentTexts
{
    public const string TubeToken = "tubeToken";

    /// <summary>The ways to say who one is.</summary>
    public static readonly (string Name, OpenApiSecurityScheme Scheme)[] Schemes =
    [
        ("apiKey", Bearer("API key", "A key of the gateway's file, as `registry keys new` makes them.")),
        ("jwt", Bearer("JWT", "A JSON web token of the issuer and audience of `registry.auth.jwt`, signed with RSA or ECDSA.")),
        (TubeToken, Bearer("tube token", "A token of `POST /v1/tubes/{tubeId}/tokens`: for the signalling of that tube, for 10 minutes or as long as was asked for.")),
    ];

    private const string Text =
        """
        The HTTP interface of a gateway of the Tube Registry: WebRTC tunnels for TCP.

        Bodies are JSON; members without a value are left out, and unknown members of a request are an error that names them. Times are RFC 3339, durations milliseconds,
        SDP is base64 of UTF-8, candidates are lines. Lists are pages: `nextCursor` goes into `cursor`. A gateway without authentication serves its own machine only and asks nobody.

        A caller that sends too many requests is told so with 429 and `Retry-After`; so is one that has too many event streams open.

        Errors are `application/problem+json` (RFC 9457) with `code`, `retryable` and, where waiting helps, `retryAfterMs` and the header `Retry-After`. The codes are a closed list:

        | code | status | retryable | meaning |
        |---|---|---|---|
        """;

    public static async Task ApplyAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new()
        {
            Title = "Tube Registry",
            Version = ApiDocument.Name,
            Description = Text + Codes(),
            License = new() { Name = "Apache-2.0", Identifier = "Apache-2.0" },
        };
        document.Servers = [new() { Url = "/" }];
        document.Tags = Operations.Tags.Select(tag => new OpenApiTag { Name = tag.Tag, Description = tag.Text }).ToHashSet();
        foreach (var (name, scheme) in Schemes)
            document.AddComponent<IOpenApiSecurityScheme>(name, scheme);
        foreach (var kind in ProblemCodes.All.Values)
            document.AddComponent<IOpenApiExample>(kind.Code, new OpenApiExample { Value = OperationTexts.Write(new Problem(kind.Statuses[0], kind.Code, kind.Meaning) { Retryable = kind.Retryable }) });
        foreach (var type in new[] { typeof(TubeBody), typeof(TubesListedBody) })
            if (SchemaShapes.NameOf(type.Name) is { } name && document.Components?.Schemas?.ContainsKey(name) != true)
                document.AddComponent<IOpenApiSchema>(name, await context.GetOrCreateSchemaAsync(type, null, cancellationToken));
        AddMetrics(document);
    }

    // The exporter serves it by itself, so the list of endpoints does not have it.
    private static void AddMetrics(OpenApiDocument document) => document.Paths.TryAdd("/metrics", new OpenApiPathItem
    {
        Operations = new()
        {
            [HttpMethod.Get] = new()
            {
                OperationId = "readMetrics",
                Summary = "The figures for Prometheus",
                Description = "For viewers and operators.",
                Tags = new HashSet<OpenApiTagReference> { new(Operations.Node, document) },
                Security = [new OpenApiSecurityRequirement(), .. Schemes.Where(scheme => scheme.Name != TubeToken).Select(scheme => new OpenApiSecurityRequirement { [new(scheme.Name, document)] = [] })],
                Responses = new()
                {
                    ["200"] = new OpenApiResponse
                    {
                        Description = "The figures.",
                        Content = new Dictionary<string, OpenApiMediaType> { ["text/plain"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String } } },
                    },
                },
            },
        },
    });

    private static string Codes()
    {
        var rows = new StringBuilder();
        foreach (var kind in ProblemCodes.All.Values.OrderBy(kind => kind.Statuses[0]).ThenBy(kind => kind.Code, StringComparer.Ordinal))
            rows.Append('\n').Append(System.Globalization.CultureInfo.InvariantCulture, $"| `{kind.Code}` | {string.Join(", ", kind.Statuses)} | {(kind.Retryable ? "yes" : "no")} | {kind.Meaning} |");
        return rows.ToString();
    }

    private static OpenApiSecurityScheme Bearer(string format, string text) => new() { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = format, Description = text };
}
