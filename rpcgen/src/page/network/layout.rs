//! [`Layout`]: the positions of all elements of the drawing, in pixels.
//!
//! ```text
//!                       ┌ server1 ────┐
//! [client1] ──────────────[svc1]      │
//!           ╲         ┌───[calculator]│
//! [client2] ─╲────────┘ └─────────────┘
//!             ╲         ┌ server2 ────┐
//! [client3] ────────────── [stats]    │
//! ```

use super::order::Ranks;

/// Maximum number of characters of a drawn name.
const MAX_LABEL_CHARS: usize = 30;

/// Width of a character of the drawing's monospaced font, rounded up.
const CHAR: usize = 8;
const PADDING: usize = 12;
const ROW: usize = 28;
const ROW_GAP: usize = 6;
const GROUP_GAP: usize = 16;
/// Height of a server's name and address.
const GROUP_HEAD: usize = 46;
const MARGIN: usize = 4;

/// The elements to draw. Indices refer to these lists.
#[derive(Debug, Default)]
pub struct Plan {
    /// The clients' names.
    pub clients: Vec<String>,
    /// The servers: name, address, and the indices of their services.
    pub servers: Vec<(String, String, Vec<usize>)>,
    /// The services' names.
    pub services: Vec<String>,
    /// Which client may call which service.
    pub edges: Vec<(usize, usize)>,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// The position of its left side.
    pub x: usize,
    /// The position of its upper side.
    pub y: usize,
    /// Its width.
    pub width: usize,
    /// Its height.
    pub height: usize,
}

/// A client, a service or a server in the drawing.
#[derive(Debug)]
pub struct Node {
    /// Its index in the plan.
    pub index: usize,
    /// Its name, shortened to fit.
    pub label: String,
    /// Its area in the drawing.
    pub area: Area,
}

/// A server around its services.
#[derive(Debug)]
pub struct Group {
    /// The server.
    pub node: Node,
    /// Its address, shortened to fit.
    pub address: String,
    /// The services inside.
    pub services: Vec<Node>,
}

/// The positions of all elements of a drawing.
#[derive(Debug)]
pub struct Layout {
    /// The whole drawing's width.
    pub width: usize,
    /// The whole drawing's height.
    pub height: usize,
    /// The left column.
    pub clients: Vec<Node>,
    /// The right column.
    pub groups: Vec<Group>,
}

impl Layout {
    /// Lays out a plan.
    pub fn new(plan: &Plan) -> Self {
        let ranks = ranks(plan);
        let left = column_width(plan.clients.iter());
        let labels = plan
            .servers
            .iter()
            .flat_map(|(name, address, _)| [name, address]);
        let right = column_width(labels) + PADDING;
        let right = right.max(column_width(plan.services.iter()) + 2 * PADDING);
        let x = MARGIN + left + channel_width(plan.edges.len());

        let height = clients_height(plan).max(groups_height(plan));
        let clients = place_clients(plan, &ranks, left, height);
        let top = MARGIN + (height - groups_height(plan)) / 2;
        let groups = place_groups(
            plan,
            &ranks,
            Area {
                x,
                y: top,
                width: right,
                height: 0,
            },
        );
        Self {
            width: x + right + MARGIN,
            height: height + 2 * MARGIN,
            clients,
            groups,
        }
    }
}

fn ranks(plan: &Plan) -> Ranks {
    let servers = plan
        .servers
        .iter()
        .map(|(_, _, services)| services.clone())
        .enumerate();
    Ranks {
        clients: (0..plan.clients.len()).collect(),
        servers: servers.collect(),
    }
    .sorted_by_means(&plan.edges)
}

fn column_width<'a>(labels: impl Iterator<Item = &'a String>) -> usize {
    let longest = labels.map(|label| label.chars().count()).max().unwrap_or(0);
    longest.clamp(6, MAX_LABEL_CHARS) * CHAR + 2 * PADDING
}

/// Returns the width of the gap between the columns. More edges need a wider gap, so that a reader
/// can distinguish them.
fn channel_width(edges: usize) -> usize {
    (80 + 2 * edges).min(260)
}

fn clients_height(plan: &Plan) -> usize {
    (plan.clients.len() * (ROW + ROW_GAP)).saturating_sub(ROW_GAP)
}

fn group_height(services: usize) -> usize {
    GROUP_HEAD + services * (ROW + ROW_GAP) + ROW_GAP
}

fn groups_height(plan: &Plan) -> usize {
    let heights: usize = plan
        .servers
        .iter()
        .map(|(_, _, services)| group_height(services.len()) + GROUP_GAP)
        .sum();
    heights.saturating_sub(GROUP_GAP)
}

/// Places the clients evenly over the whole height.
fn place_clients(plan: &Plan, ranks: &Ranks, width: usize, height: usize) -> Vec<Node> {
    let count = plan.clients.len().max(1);
    let place = |(rank, &index): (usize, &usize)| {
        let middle = height * (2 * rank + 1) / (2 * count);
        let y = MARGIN + middle.saturating_sub(ROW / 2);
        Node {
            index,
            label: shortened(&plan.clients[index]),
            area: Area {
                x: MARGIN,
                y,
                width,
                height: ROW,
            },
        }
    };
    ranks.clients.iter().enumerate().map(place).collect()
}

fn place_groups(plan: &Plan, ranks: &Ranks, first: Area) -> Vec<Group> {
    let mut y = first.y;
    let mut groups = Vec::with_capacity(ranks.servers.len());
    for (index, services) in &ranks.servers {
        let area = Area {
            y,
            height: group_height(services.len()),
            ..first
        };
        y += area.height + GROUP_GAP;
        let (name, address, _) = &plan.servers[*index];
        groups.push(Group {
            node: Node {
                index: *index,
                label: shortened(name),
                area,
            },
            address: shortened(address),
            services: place_services(plan, services, area),
        });
    }
    groups
}

fn place_services(plan: &Plan, services: &[usize], group: Area) -> Vec<Node> {
    let place = |(rank, &index): (usize, &usize)| {
        let y = group.y + GROUP_HEAD + rank * (ROW + ROW_GAP);
        let area = Area {
            x: group.x + PADDING,
            y,
            width: group.width - 2 * PADDING,
            height: ROW,
        };
        Node {
            index,
            label: shortened(&plan.services[index]),
            area,
        }
    };
    services.iter().enumerate().map(place).collect()
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_LABEL_CHARS {
        return name.to_owned();
    }
    name.chars()
        .take(MAX_LABEL_CHARS - 1)
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Area {
        fn overlaps(&self, other: &Self) -> bool {
            self.x < other.x + other.width
                && other.x < self.x + self.width
                && self.y < other.y + other.height
                && other.y < self.y + self.height
        }

        fn contains(&self, other: &Self) -> bool {
            self.x <= other.x
                && self.y <= other.y
                && other.x + other.width <= self.x + self.width
                && other.y + other.height <= self.y + self.height
        }
    }

    /// Returns a plan with these numbers of elements. The services are spread over the servers, and
    /// every client calls every `step`th service.
    fn plan(clients: usize, servers: usize, services: usize, step: usize) -> Plan {
        let services_of = |server: usize| (server..services).step_by(servers).collect();
        let edges =
            (0..clients).flat_map(|c| (c % step..services).step_by(step).map(move |s| (c, s)));
        Plan {
            clients: (0..clients).map(|n| format!("client{n}")).collect(),
            servers: (0..servers)
                .map(|n| (format!("server{n}"), format!("[::1]:{n}"), services_of(n)))
                .collect(),
            services: (0..services)
                .map(|n| format!("service{n}{}", "_long".repeat(n % 20)))
                .collect(),
            edges: edges.collect(),
        }
    }

    fn check(plan: &Plan) {
        let layout = Layout::new(plan);
        let whole = Area {
            x: 0,
            y: 0,
            width: layout.width,
            height: layout.height,
        };
        let mut boxes: Vec<&Node> = layout.clients.iter().collect();
        for group in &layout.groups {
            for service in &group.services {
                assert!(group.node.area.contains(&service.area), "{service:?}");
                assert!(
                    service.area.y >= group.node.area.y + GROUP_HEAD,
                    "{service:?}"
                );
            }
            boxes.extend(&group.services);
        }
        let groups: Vec<&Node> = layout.groups.iter().map(|group| &group.node).collect();
        assert_disjoint(&boxes);
        assert_disjoint(
            &groups
                .into_iter()
                .chain(&layout.clients)
                .collect::<Vec<_>>(),
        );
        for node in boxes {
            assert!(whole.contains(&node.area), "{node:?}");
            assert!(
                node.label.chars().count() * CHAR + PADDING <= node.area.width,
                "{node:?}"
            );
        }
    }

    fn assert_disjoint(nodes: &[&Node]) {
        for (index, node) in nodes.iter().enumerate() {
            assert!(
                nodes[index + 1..]
                    .iter()
                    .all(|other| !node.area.overlaps(&other.area)),
                "{node:?}"
            );
        }
    }

    #[test]
    fn nothing_overlaps() {
        for (clients, servers, services) in [
            (0, 0, 0),
            (1, 1, 1),
            (1, 1, 0),
            (0, 2, 3),
            (3, 2, 3),
            (60, 1, 1),
            (30, 20, 200),
            (1, 20, 200),
        ] {
            check(&plan(clients, servers, services, 3));
        }
    }

    #[test]
    fn a_long_name_is_shortened() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"x".repeat(30)), "x".repeat(30));
        assert_eq!(shortened(&"x".repeat(31)), "x".repeat(29) + "…");
    }

    #[test]
    fn clients_are_placed_next_to_their_services() {
        let plan = Plan {
            edges: vec![(0, 2), (1, 1), (2, 0)],
            ..plan(3, 3, 3, 1)
        };
        let layout = Layout::new(&plan);
        let clients: Vec<usize> = layout.clients.iter().map(|node| node.index).collect();
        let services: Vec<usize> = layout
            .groups
            .iter()
            .flat_map(|group| group.services.iter().map(|node| node.index))
            .collect();
        let pairs: Vec<_> = clients.into_iter().zip(services).collect();
        assert!(
            pairs.iter().all(|pair| plan.edges.contains(pair)),
            "{pairs:?}"
        );
    }
}
